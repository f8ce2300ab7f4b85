import { formatSpan } from "./time.ts";

/** What a node's lease is shown as. */
export type LeaseView = {
  readonly phase: "running" | "low" | "over";
  /** 1 when just renewed, 0 when over. */
  readonly share: number;
  readonly text: string;
};

/**
 * What is left of a lease, at most: the agent counts from when it sent the heartbeat, the coordinator sees when it
 * came. "low" when two heartbeats were missed.
 */
export function leaseView(
  heartbeatAgeMs: number,
  policy: { readonly leaseMs: number; readonly intervalMs: number },
): LeaseView {
  const leftMs = policy.leaseMs - Math.max(0, heartbeatAgeMs);
  if (leftMs <= 0) return { phase: "over", share: 0, text: "lease over" };
  const phase = heartbeatAgeMs > 2.5 * policy.intervalMs ? "low" : "running";
  const text = `lease ≤ ${formatSpan(Math.ceil(leftMs / 100) * 100, "s")}`;
  return { phase, share: leftMs / policy.leaseMs, text };
}
