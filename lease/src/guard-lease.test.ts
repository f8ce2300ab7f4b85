import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  DEADLINE_AHEAD_MAX_MS,
  type GuardLease,
  guardMustKill,
  guardRenewed,
  guardRestored,
  guardWaitMs,
  NO_GUARD_LEASE,
} from "./guard-lease.ts";

const time = fc.nat(100_000);
const renewal = fc.record({ deadlineMs: time, atMs: time });

function renewAll(renewals: readonly { deadlineMs: number; atMs: number }[]): GuardLease {
  return renewals.reduce((lease, { deadlineMs, atMs }) => guardRenewed(lease, deadlineMs, 100, atMs), NO_GUARD_LEASE);
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
    const record = { bootId: "this", deadlineMs: 5_000, killMs: 100 };
    expect(guardMustKill(guardRestored(null, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, bootId: "other" }, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, deadlineMs: null }, "this", 0), 0)).toBe(true);
    expect(guardMustKill(guardRestored({ ...record, deadlineMs: Number.NaN }, "this", 0), 0)).toBe(true);
    expect(guardRestored(record, "this", 0)).toEqual({ deadlineMs: 5_000, killMs: 100 });
  });

  test("does not take a deadline that is no time or absurdly far ahead", () => {
    for (const deadlineMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, DEADLINE_AHEAD_MAX_MS + 1]) {
      expect(guardRenewed(NO_GUARD_LEASE, deadlineMs, 100, 0)).toBe(NO_GUARD_LEASE);
    }
  });
});
