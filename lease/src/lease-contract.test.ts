import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AgentLease, ackReceived, heartbeatSent, membershipAdopted, noLease } from "./agent-lease.ts";
import { CLOCK_RATE_ERROR_MAX, LEASE_PROFILES } from "./lease-policy.ts";
import type { MembershipHistory } from "./membership.ts";
import { due, heartbeatArrived, introduced, ledgerAtTermStart, type NodeLedger } from "./node-ledger.ts";

const POLICY = LEASE_PROFILES.fast;
const HISTORY: MembershipHistory = [{ epoch: 1, voters: [], policy: POLICY }];
const NO_LEASE = membershipAdopted(noLease("node"), HISTORY[0], 0);
const TICK_MS = 10;

/** How one heartbeat fares: milliseconds there and back in true time, null when it is lost; copies that come later. */
type Fate = { readonly there: number | null; readonly back: number | null; readonly again: number | null };
const travel = fc.option(fc.oneof({ weight: 4, arbitrary: fc.nat(100) }, fc.nat(4_000)), { freq: 6, nil: null });
const fate: fc.Arbitrary<Fate> = fc.record({
  there: travel,
  back: travel,
  again: fc.option(fc.nat(4_000), { freq: 2, nil: null }),
});
const rate = fc.oneof(
  fc.constantFrom(1 - CLOCK_RATE_ERROR_MAX, 1, 1 + CLOCK_RATE_ERROR_MAX),
  fc.double({ min: 1 - CLOCK_RATE_ERROR_MAX, max: 1 + CLOCK_RATE_ERROR_MAX, noNaN: true }),
);

type Arrival = {
  readonly atMs: number;
  readonly sequence: bigint;
  readonly incarnation: string;
  readonly lastAckSeen: bigint;
};
type Run = { readonly overMs: number | null; readonly killedMs: number; readonly granted: number };

/** Takes out what has arrived by now. */
function arrived<T extends { readonly atMs: number }>(travelling: T[], nowMs: number): T[] {
  const here = travelling.filter(({ atMs }) => atMs <= nowMs);
  travelling.splice(0, travelling.length, ...travelling.filter(({ atMs }) => atMs > nowMs));
  return here;
}

/**
 * An agent and a leader with clocks of their own and a network between them, in true time: when the leader says that W is
 * over, and when the last process of the agent is dead (its hard end and K later, on its own clock). `restarts` are
 * moments at which the agent begins anew; its guard keeps the deadline.
 */
function meet(agentRate: number, leaderRate: number, fates: readonly Fate[], restartEvery: number): Run {
  let ledger: NodeLedger = introduced(ledgerAtTermStart(0, false, HISTORY), "run 0", 0);
  let lease: AgentLease = NO_LEASE;
  let deadlineMs = 0; // On the agent's clock; the guard never takes one back.
  let incarnation = "run 0";
  let sequence = 0;
  let granted = 0;
  let nextBeatMs = 0;
  const toLeader: Arrival[] = [];
  const toAgent: { atMs: number; sequence: bigint; incarnation: string }[] = [];
  const untilMs = fates.length * POLICY.intervalMs * 1.1 + 20_000;
  for (let nowMs = 0; nowMs < untilMs; nowMs += TICK_MS) {
    const agentMs = nowMs * agentRate;
    const leaderMs = nowMs * leaderRate;
    for (const ack of arrived(toAgent, nowMs)) {
      if (ack.incarnation !== incarnation) continue;
      lease = ackReceived(lease, ack.sequence, agentMs);
      deadlineMs = Math.max(deadlineMs, lease.hardEndMs ?? 0);
    }
    if (agentMs >= nextBeatMs && sequence < fates.length) {
      const sent = fates[sequence];
      sequence += 1;
      nextBeatMs += POLICY.intervalMs;
      if (restartEvery > 0 && sequence % restartEvery === 0) {
        incarnation = `run ${sequence}`;
        lease = NO_LEASE;
        ledger = introduced(ledger, incarnation, leaderMs);
      }
      lease = heartbeatSent(lease, BigInt(sequence), agentMs);
      const said = { sequence: BigInt(sequence), incarnation, lastAckSeen: lease.lastAckSeen };
      if (sent && sent.there !== null) toLeader.push({ ...said, atMs: nowMs + sent.there });
      if (sent && sent.there !== null && sent.again !== null)
        toLeader.push({ ...said, atMs: nowMs + sent.there + sent.again });
    }
    for (const heartbeat of arrived(toLeader, nowMs)) {
      const outcome = heartbeatArrived(
        ledger,
        { ...heartbeat, heldForMs: 0, remainingMs: 0, membershipEpoch: 1, elapsedMs: null },
        HISTORY,
        leaderMs,
      );
      ledger = outcome.ledger;
      if (!outcome.acknowledge) continue;
      granted += 1;
      const back = fates[Number(heartbeat.sequence) - 1]?.back;
      if (back !== null && back !== undefined) toAgent.push({ ...heartbeat, atMs: nowMs + back });
    }
    if (due(ledger, HISTORY, 0, leaderMs) !== "wait_over") continue;
    // Acknowledgements that are still under way can only move the deadline of a lease that is counted from its sending.
    for (const ack of toAgent) {
      if (ack.incarnation === incarnation) lease = ackReceived(lease, ack.sequence, ack.atMs * agentRate);
    }
    deadlineMs = Math.max(deadlineMs, lease.hardEndMs ?? 0);
    return { overMs: nowMs, killedMs: (deadlineMs + POLICY.killMs) / agentRate, granted };
  }
  return { overMs: null, killedMs: (deadlineMs + POLICY.killMs) / agentRate, granted };
}

describe("agent and leader", () => {
  test("everything of the agent is dead before the leader says that W is over, whatever delays, losses and clock rates", () => {
    let runs = 0;
    let overs = 0;
    let grants = 0;
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.array(fate, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 0, 3, 7),
        (agentRate, leaderRate, fates, restartEvery) => {
          const { overMs, killedMs, granted } = meet(agentRate, leaderRate, fates, restartEvery);
          runs += 1;
          grants += granted;
          if (overMs === null) return;
          overs += 1;
          if (granted > 0) expect(killedMs).toBeLessThanOrEqual(overMs);
        },
      ),
      { numRuns: 500 },
    );
    // Without these the property would say nothing.
    expect(overs).toBeGreaterThan(runs * 0.9);
    expect(grants).toBeGreaterThan(runs * 3);
  });

  test("the wait is not longer than it must be: at the worst clock rates a tenth less would be too short", () => {
    const fates: Fate[] = [...Array(10).fill({ there: 0, back: 0, again: null }), { there: 0, back: 0, again: null }];
    const { overMs, killedMs } = meet(1 - CLOCK_RATE_ERROR_MAX, 1 + CLOCK_RATE_ERROR_MAX, fates, 0);
    expect(overMs).not.toBeNull();
    expect(killedMs).toBeGreaterThan(0.9 * (overMs ?? 0));
  });
});
