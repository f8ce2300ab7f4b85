import { Agent, get } from "node:http";
import type { ApiHost } from "../api/api-host.ts";
import { until } from "../frame/awaited.ts";

const CONNECTIONS = 32;
const TICK_MS = 1;
/** For what is still under way when the last was sent. */
const LATE_MS = 30_000;

/**
 * Reads over REST at a steady pace, whether those before have been answered or not. Milliseconds of each, from the moment it was
 * due: one that waits for a connection has waited. Rejects with the first answer that is not 200.
 */
export async function pacedReads(
  host: ApiHost,
  paths: readonly string[],
  perSecond: number,
  seconds: number,
): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const wanted = perSecond * seconds;
  const tookMs: number[] = [];
  let failure: Error | null = null;
  const headers = { authorization: `Bearer ${host.token}` };
  const send = (number: number, dueMs: number): void => {
    const path = paths[number % paths.length] ?? "/";
    const request = get(`${host.api.url}${path}`, { agent, headers }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode !== 200) failure ??= new Error(`${path} was answered with ${response.statusCode}`);
        tookMs.push(performance.now() - dueMs);
      });
    });
    request.on("error", (error) => {
      failure ??= error;
    });
  };
  const begunMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.min(wanted, Math.floor(((performance.now() - begunMs) / 1_000) * perSecond));
    for (; sent < due; sent += 1) send(sent, begunMs + (sent / perSecond) * 1_000);
  }, TICK_MS);
  try {
    await until("all reads are answered", seconds * 1_000 + LATE_MS, () => {
      if (failure) throw failure;
      return tookMs.length === wanted;
    });
  } finally {
    clearInterval(timer);
    agent.destroy();
  }
  return tookMs;
}
