import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AgentLease,
  ackReceived,
  confirmation,
  heartbeatSent,
  mayStart,
  membershipAdopted,
  noLease,
  SENT_MAX,
} from "./agent-lease.ts";
import { LEASE_PROFILES } from "./lease-policy.ts";

const POLICY = LEASE_PROFILES.fast;
const NO_LEASE = membershipAdopted(noLease("node"), { epoch: 1, voters: [], policy: POLICY }, 0);

type Step = { readonly afterMs: number; readonly do: "send" | { readonly ack: number } };
const step: fc.Arbitrary<Step> = fc.record({
  afterMs: fc.nat(1_500),
  do: fc.oneof(fc.constant("send" as const), fc.record({ ack: fc.nat(40) })),
});

/** Plays sends and acks, in any order and repeated, and answers the lease with all times of sending. */
function play(steps: readonly Step[]): { lease: AgentLease; nowMs: number; sentMs: number[]; acked: Set<number> } {
  let lease: AgentLease = NO_LEASE;
  let nowMs = 0;
  const sentMs: number[] = [];
  const acked = new Set<number>();
  for (const one of steps) {
    nowMs += one.afterMs;
    if (one.do === "send") {
      sentMs.push(nowMs);
      lease = heartbeatSent(lease, BigInt(sentMs.length), nowMs);
    } else {
      if (one.do.ack >= 1 && one.do.ack <= sentMs.length) acked.add(one.do.ack);
      lease = ackReceived(lease, BigInt(one.do.ack), nowMs);
    }
  }
  return { lease, nowMs, sentMs, acked };
}

describe("the agent's lease", () => {
  test("counts from the sending of the newest acknowledged heartbeat, however acks come", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { lease, sentMs, acked } = play(steps);
        const newest = Math.max(0, ...acked);
        const fromMs = newest === 0 ? null : (sentMs[newest - 1] ?? null);
        expect(lease.grantedFromMs).toBe(fromMs);
        expect(lease.hardEndMs).toBe(fromMs === null ? null : fromMs + POLICY.leaseMs);
        expect(lease.lastAckSeen).toBe(BigInt(newest));
      }),
    );
  });

  test("never says that it held longer than since its first grant, nor longer than it lasts", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { lease, nowMs, sentMs } = play(steps);
        const { heldForMs, remainingMs } = confirmation(lease, nowMs);
        expect(heldForMs).toBeLessThanOrEqual(nowMs - (sentMs[0] ?? nowMs));
        expect(remainingMs).toBeLessThanOrEqual(POLICY.leaseMs / 2);
        expect(mayStart(lease, nowMs)).toBe((lease.softEndMs ?? Number.NEGATIVE_INFINITY) > nowMs);
        if (!mayStart(lease, nowMs)) expect({ heldForMs, remainingMs }).toEqual({ heldForMs: 0, remainingMs: 0 });
      }),
    );
  });

  test("a gap starts the holding time anew", () => {
    let lease = ackReceived(heartbeatSent(NO_LEASE, 1n, 0), 1n, 10);
    lease = ackReceived(heartbeatSent(lease, 2n, 200), 2n, 210);
    expect(confirmation(lease, 300).heldForMs).toBe(290);
    lease = ackReceived(heartbeatSent(lease, 3n, 2_000), 3n, 2_010);
    expect(confirmation(lease, 2_100).heldForMs).toBe(90);
  });

  test("remembers a bounded number of unanswered heartbeats; an ack for a forgotten one grants nothing", () => {
    let lease = NO_LEASE;
    for (let n = 1; n <= SENT_MAX + 1; n += 1) lease = heartbeatSent(lease, BigInt(n), n);
    expect(lease.sent).toHaveLength(SENT_MAX);
    expect(ackReceived(lease, 1n, 100)).toBe(lease);
  });
});
