import { CLOCK_RATE_UNKNOWN, type ClockRate, clockSampled } from "./clock-rate.ts";
import { joined, type LeaseCoverage, provenBy } from "./lease-coverage.ts";
import { waitMs } from "./lease-policy.ts";
import { believedEpochs, type MembershipHistory, presentEpoch } from "./membership.ts";

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
  /** Acknowledgements that the agent is not known to have seen, oldest first; bounded by ACKS_MAX. */
  readonly acks: readonly SentAck[];
  /** When the oldest of those was sent, also of those that are not remembered; null without one. */
  readonly unseenSinceMs: number | null;
  /** The membership epoch that the last acknowledged heartbeat confirmed; null: any of the history. */
  readonly confirmedEpoch: number | null;
  /** Waits of epochs that the node has left, each still to be respected until its time. */
  readonly left: readonly LeftWait[];
  /** When the node is known to have held a lease. */
  readonly coverage: LeaseCoverage | null;
  readonly clock: ClockRate;
};

export type SentAck = { readonly sequence: bigint; readonly sentMs: number };
export type LeftWait = { readonly waitMs: number; readonly untilMs: number };

/**
 * live: acknowledged. silent: missing long enough to be shown. deciding: W is over and the outcome of declaring the death
 * is not known yet, so nothing is acknowledged. dead: declared; a new session starts with the next Hello.
 */
export type LedgerPhase = "live" | "silent" | "deciding" | "dead";

/** Acknowledgements that are remembered to know when one that was seen had been sent. */
export const ACKS_MAX = 64;

/** One sign of life, as far as the account depends on it. */
export type LedgerHeartbeat = {
  readonly incarnation: string;
  readonly sequence: bigint;
  readonly lastAckSeen: bigint;
  readonly heldForMs: number;
  readonly remainingMs: number;
  /** What the agent has journalled of its group; 0 for nothing. */
  readonly membershipEpoch: number;
  /** Since the agent introduced itself, on its own clock; null where it does not say. */
  readonly elapsedMs: number | null;
};

/**
 * The account of a node at the beginning of a term. W starts afresh, since an older leader may have acknowledged until now;
 * and for one W of every epoch of the history, since what the node has left, and when, only the older leader knew.
 */
export function ledgerAtTermStart(
  nowMs: number,
  dead: boolean,
  history: MembershipHistory,
  confirmedEpoch: number | null = null,
): NodeLedger {
  return {
    incarnation: null,
    lastSequence: 0n,
    countsFromMs: nowMs,
    heard: false,
    phase: dead ? "dead" : "live",
    acks: [],
    unseenSinceMs: null,
    confirmedEpoch,
    left: history
      .filter(({ epoch }) => confirmedEpoch !== null && epoch < confirmedEpoch)
      .map(({ policy }) => waitMs(policy))
      .filter(Number.isFinite)
      .map((wait) => ({ waitMs: wait, untilMs: nowMs + wait })),
    coverage: null,
    clock: CLOCK_RATE_UNKNOWN,
  };
}

/** An agent introduced itself; from now on only its incarnation is served. Grants nothing by itself. */
export function introduced(ledger: NodeLedger, incarnation: string, nowMs: number): NodeLedger {
  const wasDead = ledger.phase === "dead";
  return {
    ...ledger,
    incarnation,
    lastSequence: 0n,
    acks: [],
    unseenSinceMs: null,
    phase: wasDead ? "live" : ledger.phase,
    countsFromMs: wasDead ? nowMs : ledger.countsFromMs,
    // What a dead node believed in ended with its session; which epoch it takes up now it will say itself.
    confirmedEpoch: wasDead ? null : ledger.confirmedEpoch,
    left: wasDead ? [] : ledger.left,
    coverage: null,
    clock: CLOCK_RATE_UNKNOWN,
  };
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
 * the last 2 L (one-way loss: the agent cannot hear us, so its lease runs out and W must run too). One that confirms an
 * epoch which this leader has not made yet is not acknowledged: it speaks of a database that is not this one's.
 */
export function heartbeatArrived(
  ledger: NodeLedger,
  heartbeat: LedgerHeartbeat,
  history: MembershipHistory,
  nowMs: number,
): HeartbeatOutcome {
  const drop = { ledger, acknowledge: false, back: false };
  if (heartbeat.incarnation !== ledger.incarnation || heartbeat.sequence <= ledger.lastSequence) return drop;
  if (ledger.phase === "deciding" || ledger.phase === "dead") return drop;
  const present = presentEpoch(history);
  if (heartbeat.membershipEpoch > present.epoch) return drop;
  const seen = withSeen(ledger, heartbeat, nowMs);
  const deafForMs = seen.unseenSinceMs === null ? 0 : nowMs - seen.unseenSinceMs;
  if (deafForMs > 2 * longestLeaseMs(seen, history)) return { ledger: seen, acknowledge: false, back: false };
  return {
    ledger: acknowledged(seen, heartbeat, history, nowMs),
    acknowledge: true,
    back: ledger.phase === "silent",
  };
}

/** What the heartbeat tells besides being there: which acknowledgement its sender saw, what it held, how its clock runs. */
function withSeen(ledger: NodeLedger, heartbeat: LedgerHeartbeat, nowMs: number): NodeLedger {
  const seenAck = ledger.acks.find(({ sequence }) => sequence === heartbeat.lastAckSeen);
  const acks = seenAck ? ledger.acks.filter(({ sequence }) => sequence >= heartbeat.lastAckSeen) : ledger.acks;
  const firstUnseen = acks.find(({ sequence }) => sequence > heartbeat.lastAckSeen);
  const proven = seenAck ? provenBy(heartbeat, seenAck.sentMs, nowMs) : null;
  return {
    ...ledger,
    lastSequence: heartbeat.sequence,
    acks,
    unseenSinceMs: seenAck ? (firstUnseen?.sentMs ?? null) : ledger.unseenSinceMs,
    coverage: joined(ledger.coverage, proven),
    clock: heartbeat.elapsedMs === null ? ledger.clock : clockSampled(ledger.clock, heartbeat.elapsedMs, nowMs),
  };
}

// The confirmation of an epoch counts only with the acknowledgement: W is counted from there, and what the node was granted
// under the epochs before has run out by then, but for their longer waits.
function acknowledged(
  ledger: NodeLedger,
  { sequence, membershipEpoch }: LedgerHeartbeat,
  history: MembershipHistory,
  nowMs: number,
): NodeLedger {
  const known = history.some(({ epoch }) => epoch === membershipEpoch);
  const confirms = known && (ledger.confirmedEpoch === null || membershipEpoch > ledger.confirmedEpoch);
  // A journal that was taken back, with its disk, believes in what it says now, whatever it has confirmed before.
  const goesBack = ledger.confirmedEpoch !== null && membershipEpoch < ledger.confirmedEpoch;
  const leaving = confirms
    ? believedEpochs(history, ledger.confirmedEpoch).filter(({ epoch }) => epoch < membershipEpoch)
    : [];
  const leftNow = leaving
    .map(({ policy }) => waitMs(policy))
    .filter(Number.isFinite)
    .map((wait) => ({ waitMs: wait, untilMs: nowMs + wait }));
  return {
    ...ledger,
    countsFromMs: nowMs,
    heard: true,
    phase: "live",
    acks: [...ledger.acks, { sequence, sentMs: nowMs }].slice(-ACKS_MAX),
    unseenSinceMs: ledger.unseenSinceMs ?? nowMs,
    confirmedEpoch: confirms || (goesBack && known) ? membershipEpoch : goesBack ? null : ledger.confirmedEpoch,
    left: [...ledger.left.filter(({ untilMs }) => untilMs > nowMs), ...leftNow],
  };
}

/**
 * W of this node now: the longest of every epoch that it may believe in, and of those it has left less than one such wait
 * ago. Infinite while it may believe in an epoch in which the guard does not kill.
 */
export function nodeWaitMs(ledger: NodeLedger, history: MembershipHistory, nowMs: number): number {
  let longestMs = 0;
  for (const { epoch, policy } of history) {
    if (ledger.confirmedEpoch === null || epoch >= ledger.confirmedEpoch)
      longestMs = Math.max(longestMs, waitMs(policy));
  }
  for (const left of ledger.left) if (left.untilMs > nowMs) longestMs = Math.max(longestMs, left.waitMs);
  return longestMs;
}

function longestLeaseMs(ledger: NodeLedger, history: MembershipHistory): number {
  return Math.max(...believedEpochs(history, ledger.confirmedEpoch).map(({ policy }) => policy.leaseMs));
}

/**
 * What is due now, if anything. `wait_over` is necessary for a death, not sufficient: the rule of death-rule.ts decides.
 */
export function due(
  ledger: NodeLedger,
  history: MembershipHistory,
  startGraceMs: number,
  nowMs: number,
): "silent" | "wait_over" | null {
  const elapsedMs = nowMs - ledger.countsFromMs;
  if (ledger.phase !== "live" && ledger.phase !== "silent") return null;
  if (elapsedMs >= waitFor(ledger, history, startGraceMs, nowMs)) return "wait_over";
  return ledger.phase === "live" && elapsedMs >= silentAfter(ledger, history, startGraceMs) ? "silent" : null;
}

/** When `due` will next say something, on the leader's boot clock; null when never without a new event. */
export function nextDueMs(
  ledger: NodeLedger,
  history: MembershipHistory,
  startGraceMs: number,
  nowMs: number,
): number | null {
  if (ledger.phase !== "live" && ledger.phase !== "silent") return null;
  const overMs = ledger.countsFromMs + waitFor(ledger, history, startGraceMs, nowMs);
  const silentMs = ledger.phase === "live" ? ledger.countsFromMs + silentAfter(ledger, history, startGraceMs) : overMs;
  const nextMs = Math.min(overMs, silentMs);
  return Number.isFinite(nextMs) ? nextMs : null;
}

// A node not heard in this term yet is given time to find the new leader; a longer wait is always safe.
const waitFor = (ledger: NodeLedger, history: MembershipHistory, startGraceMs: number, nowMs: number): number => {
  const wait = nodeWaitMs(ledger, history, nowMs);
  return ledger.heard ? wait : Math.max(wait, startGraceMs);
};
const silentAfter = (ledger: NodeLedger, history: MembershipHistory, startGraceMs: number): number => {
  // It beats at the pace of the epoch that it has taken up: one that has not heard of a faster one yet is not late for it.
  const unhealthyMs = Math.max(
    ...believedEpochs(history, ledger.confirmedEpoch).map(({ policy }) => policy.unhealthyMs),
  );
  return ledger.heard ? unhealthyMs : Math.max(unhealthyMs, startGraceMs / 2);
};
