import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DEADLINE_AHEAD_MAX_MS,
  type GuardGrant,
  type GuardLease,
  guardMustKill,
  guardRenewed,
  guardRestored,
  guardWaitMs,
  NO_GUARD_LEASE,
} from "./guard-lease.ts";

const time = fc.integer({ min: 1, max: 100_000 });
const renewal = fc.record({ deadlineMs: time, atMs: time });

/** An acknowledged lease: its soft end lies before its deadline. */
const lease = (deadlineMs: number): GuardGrant => ({
  deadlineMs,
  softEndMs: deadlineMs - 1_000,
  killMs: 100,
  fenced: true,
});

function renewAll(renewals: readonly { deadlineMs: number; atMs: number }[]): GuardLease {
  return renewals.reduce(
    (before, { deadlineMs, atMs }) => guardRenewed(before, lease(deadlineMs), Math.min(atMs, deadlineMs - 1)).lease,
    NO_GUARD_LEASE,
  );
}

describe("the guard's lease", () => {
  test("kills exactly when the latest deadline it was ever given has passed", () => {
    fc.assert(
      fc.property(fc.array(renewal, { minLength: 1 }), time, (renewals, nowMs) => {
        const latest = Math.max(...renewals.map(({ deadlineMs }) => deadlineMs));
        expect(guardMustKill(renewAll(renewals), nowMs)).toBe(nowMs >= latest);
      }),
    );
  });

  test("is not shortened or changed by messages that come late, twice or in another order", () => {
    fc.assert(
      fc.property(fc.array(renewal), (renewals) => {
        expect(renewAll([...renewals, ...renewals].reverse())).toEqual(renewAll(renewals));
      }),
    );
  });

  test("wakes at its deadline and not before", () => {
    fc.assert(
      fc.property(fc.array(renewal, { minLength: 1 }), time, (renewals, nowMs) => {
        const lease = renewAll(renewals);
        const wakeMs = nowMs + guardWaitMs(lease, nowMs);
        expect(guardMustKill(lease, wakeMs)).toBe(true);
        if (wakeMs > nowMs) expect(guardMustKill(lease, wakeMs - 1)).toBe(false);
      }),
    );
  });

  test("without a valid record of this boot nothing may run", () => {
    const record = { bootId: "this", deadlineMs: 5_000, softEndMs: 4_000, killMs: 100, fenced: true };
    expect(guardMustKill(guardRestored(null, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, bootId: "other" }, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, deadlineMs: null }, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, deadlineMs: Number.NaN }, "this", 0), 0)).toBe(true);
    expect(guardRestored(record, "this", 0)).toEqual({
      deadlineMs: 5_000,
      softEndMs: 4_000,
      killMs: 100,
      fenced: true,
    });
  });

  test("does not take a deadline that is no time or absurdly far ahead", () => {
    for (const deadlineMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, DEADLINE_AHEAD_MAX_MS + 1]) {
      const { lease: after, refused } = guardRenewed(NO_GUARD_LEASE, { ...lease(5_000), deadlineMs }, 0);
      expect(after).toBe(NO_GUARD_LEASE);
      expect(refused).toContain("deadline");
    }
  });

  test("a deadline in the past changes nothing, and the answer says so", () => {
    const { lease: after, refused } = guardRenewed(NO_GUARD_LEASE, lease(5_000), 5_000);
    expect(after).toBe(NO_GUARD_LEASE);
    expect(refused).toContain("passed");
  });

  test("once the killing has begun, votes do not end it; a newer acknowledgement does", () => {
    const held = guardRenewed(NO_GUARD_LEASE, lease(5_000), 0).lease;
    const prolonged = guardRenewed(held, { ...lease(5_000), deadlineMs: 6_000 }, 4_999).lease;
    expect(guardMustKill(prolonged, 5_500)).toBe(false);
    const late = guardRenewed(prolonged, { ...lease(5_000), deadlineMs: 7_000 }, 6_000);
    expect(late.refused).toContain("killing");
    expect(guardMustKill(late.lease, 6_000)).toBe(true);
    expect(guardMustKill(guardRenewed(late.lease, lease(8_000), 6_500).lease, 6_500)).toBe(false);
  });

  test("where nothing is fenced nothing is killed, until fencing begins", () => {
    const free = guardRenewed(NO_GUARD_LEASE, { ...lease(5_000), fenced: false }, 0).lease;
    expect(guardMustKill(free, 1_000_000)).toBe(false);
    expect(guardMustKill(guardRestored({ ...free, bootId: "b" }, "b", 1_000_000), 1_000_000)).toBe(false);
    const fenced = guardRenewed(free, lease(20_000), 10_000).lease;
    expect(guardMustKill(fenced, 19_999)).toBe(false);
    expect(guardMustKill(fenced, 20_000)).toBe(true);
  });
});
