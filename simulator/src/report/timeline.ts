import type { LogLine } from "./run-log.ts";

/** What says little in most failures, and much of it. */
const CHATTER = /^hears \S+: (heartbeat |ack |resultAck |report .*"state":3.*"upMs":[1-9])/;

/** Lines of a run as a person reads them: time, who, what. Heartbeats that were answered are left out. */
export function timeline(lines: readonly LogLine[], linesMax: number): string {
  const told = lines
    .filter(({ text }) => !CHATTER.test(text))
    .map(({ atMs, who, text }) => `${(atMs / 1_000).toFixed(3).padStart(9)}  ${who.padEnd(18)}  ${text}`);
  const left = told.length - linesMax;
  return (left > 0 ? [`… ${left} lines before`, ...told.slice(-linesMax)] : told).join("\n");
}
