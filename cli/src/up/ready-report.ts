import type { CoordinatorReady } from "./coordinator-ready.ts";

/** What a person sees once the fleet is up. The password is there only on the start that made it. */
export function readyReport(ready: CoordinatorReady): string[] {
  const password =
    ready.firstPassword === undefined
      ? []
      : [`  Password   ${ready.firstPassword}   (shown this once; the first sign-in asks for a new one)`];
  return [
    "",
    `  Dashboard  ${ready.httpUrl}`,
    `  E-mail     ${ready.adminEmail}`,
    ...password,
    "",
    "  Try in a second shell:",
    "    npx lormas demo failover      kills a node and measures how long its container is away",
    "    npx lormas node ls            the nodes, their health and what they have",
    "    npx lormas container create web --egg hello-http --ha",
    "    npx lormas --help             everything else",
    "",
    "  Ctrl-C stops everything.",
  ];
}
