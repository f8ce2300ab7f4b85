import { type LeasePolicy, unhealthyAfterMs, waitMs } from "./lease-policy.ts";

/**
 * The leader's account of one node: which heartbeats it acknowledged and what follows from their absence. Pure; times are
 * the leader's own boot clock, ms.
 */
export type NodeLedger = {
  /** The one run of the agent that is served; null until one has introduced itself. */
  readonly incarnation: string | null;
  readonly lastSequence: bigint;
  /** When the last heartbeat was received that was acknowledged, or when this leader's term began: W counts from here. */
  readonly countsFromMs: number;
  /** False until a heartbeat was acknowledged in this term. */
  readonly heard: boolean;
  readonly phase: LedgerPhase;
  /** The newest acknowledgement that the agent has seen, and when that last rose. */
  readonly lastAckSeen: bigint;
  readonly ackSeenRoseMs: number;
};

/**
 * live: acknowledged. silent: missing long enough to be shown. deciding: W is over and the outcome of declaring the death
 * is not known yet, so nothing is acknowledged. dead: declared; a new session starts with the next Hello.
 */
export type LedgerPhase = "live" | "silent" | "deciding" | "dead";

/** The account of a node at the beginning of a term: W starts afresh, since an older leader may have acknowledged until now. */
export function ledgerAtTermStart(nowMs: number, dead: boolean): NodeLedger {
  return {
    incarnation: null,
    lastSequence: 0n,
    countsFromMs: nowMs,
    heard: false,
    phase: dead ? "dead" : "live",
    lastAckSeen: 0n,
    ackSeenRoseMs: nowMs,
  };
}

/** An agent introduced itself; from now on only its incarnation is served. Grants nothing by itself. */
export function introduced(ledger: NodeLedger, incarnation: string, nowMs: number): NodeLedger {
  const phase = ledger.phase === "dead" ? "live" : ledger.phase;
  const countsFromMs = ledger.phase === "dead" ? nowMs : ledger.countsFromMs;
  return { ...ledger, incarnation, lastSequence: 0n, lastAckSeen: 0n, ackSeenRoseMs: nowMs, phase, countsFromMs };
}

export type HeartbeatOutcome = {
  readonly ledger: NodeLedger;
  readonly acknowledge: boolean;
  /** The node was silent and is heard again. */
  readonly back: boolean;
};

/**
 * A heartbeat arrived. Acknowledged only when it is of the served incarnation, its sequence rises (a duplicate acked again
 * would make an old confirmation look fresh), no death is being decided, and acknowledgements have been arriving within
 * the last 2 L (one-way loss: the agent cannot hear us, so its lease runs out and W must run too).
 */
export function heartbeatArrived(
  ledger: NodeLedger,
  heartbeat: { incarnation: string; sequence: bigint; lastAckSeen: bigint },
  policy: LeasePolicy,
  nowMs: number,
): HeartbeatOutcome {
  const drop = { ledger, acknowledge: false, back: false };
  if (heartbeat.incarnation !== ledger.incarnation || heartbeat.sequence <= ledger.lastSequence) return drop;
  if (ledger.phase === "deciding" || ledger.phase === "dead") return drop;
  const rose = heartbeat.lastAckSeen > ledger.lastAckSeen;
  const seen = {
    ...ledger,
    lastSequence: heartbeat.sequence,
    lastAckSeen: rose ? heartbeat.lastAckSeen : ledger.lastAckSeen,
    ackSeenRoseMs: rose ? nowMs : ledger.ackSeenRoseMs,
  };
  if (nowMs - seen.ackSeenRoseMs > 2 * policy.leaseMs) return { ledger: seen, acknowledge: false, back: false };
  return {
    ledger: { ...seen, countsFromMs: nowMs, heard: true, phase: "live" },
    acknowledge: true,
    back: ledger.phase === "silent",
  };
}

/** What is due now, if anything. */
export function due(
  ledger: NodeLedger,
  policy: LeasePolicy,
  startGraceMs: number,
  nowMs: number,
): "silent" | "wait_over" | null {
  const elapsedMs = nowMs - ledger.countsFromMs;
  if (ledger.phase !== "live" && ledger.phase !== "silent") return null;
  if (elapsedMs >= waitFor(ledger, policy, startGraceMs)) return "wait_over";
  return ledger.phase === "live" && elapsedMs >= silentAfter(ledger, policy, startGraceMs) ? "silent" : null;
}

/** When `due` will next say something, on the leader's boot clock; null when never without a new event. */
export function nextDueMs(ledger: NodeLedger, policy: LeasePolicy, startGraceMs: number): number | null {
  if (ledger.phase === "live") return ledger.countsFromMs + silentAfter(ledger, policy, startGraceMs);
  if (ledger.phase === "silent") return ledger.countsFromMs + waitFor(ledger, policy, startGraceMs);
  return null;
}

// A node not heard in this term yet is given time to find the new leader; a longer wait is always safe.
const waitFor = (ledger: NodeLedger, policy: LeasePolicy, startGraceMs: number): number =>
  ledger.heard ? waitMs(policy) : Math.max(waitMs(policy), startGraceMs);
const silentAfter = (ledger: NodeLedger, policy: LeasePolicy, startGraceMs: number): number =>
  ledger.heard ? unhealthyAfterMs(policy) : Math.max(unhealthyAfterMs(policy), startGraceMs / 2);
