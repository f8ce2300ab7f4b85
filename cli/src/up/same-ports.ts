import type { CoordinatorReady } from "./coordinator-ready.ts";

/**
 * The coordinator's environment for its next start. Where it was told to take any free port (`host:0`), it gets the one
 * that it has had: agents and clients that knew a coordinator before it died find the next one there.
 */
export function withSamePorts(
  environment: Readonly<Record<string, string>>,
  ready: CoordinatorReady | undefined,
): Record<string, string> {
  if (ready === undefined) return { ...environment };
  const taken = { LORMAS_HTTP_LISTEN: ready.httpUrl, LORMAS_AGENT_LISTEN: ready.agentAddress };
  const kept = Object.entries(taken).flatMap(([name, address]) => {
    const host = /^(.*):0$/.exec(environment[name] ?? "")?.[1];
    const port = /:(\d+)\/?$/.exec(address)?.[1];
    return host === undefined || port === undefined ? [] : [[name, `${host}:${port}`]];
  });
  return { ...environment, ...Object.fromEntries(kept) };
}
