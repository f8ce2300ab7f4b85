/** What the bound of a failover is made of, in milliseconds; see HeartbeatPolicy and Egg.start_budget_ms. */
export interface BoundTerms {
  /** W: from the last heartbeat to declaring the node dead. */
  readonly waitMs: number;
  /** One heartbeat interval: the last one may have come that long before the kill. */
  readonly heartbeatMs: number;
  /** Decision and command. */
  readonly decisionMs: number;
  /** The egg's start budget. */
  readonly startMs: number;
}

/** "bound 10.3 s = wait W 6.7 + heartbeat 0.6 + decision 1.0 + start 2.0"; what the terms do not explain is shown too. */
export function boundLine(boundMs: number, terms: BoundTerms): string {
  const parts: [string, number][] = [
    ["wait W", terms.waitMs],
    ["heartbeat", terms.heartbeatMs],
    ["decision", terms.decisionMs],
    ["start", terms.startMs],
  ];
  const rest = boundMs - parts.reduce((sum, [, ms]) => sum + ms, 0);
  if (rest !== 0) parts.push(["other", rest]);
  return `bound ${seconds(boundMs)} s = ${parts.map(([name, ms]) => `${name} ${seconds(ms)}`).join(" + ")}`;
}

/** One decimal, but two where one would hide something: 200 ms is 0.2, 50 ms is 0.05. */
function seconds(ms: number): string {
  return ms % 100 === 0 ? (ms / 1000).toFixed(1) : (ms / 1000).toFixed(2);
}
