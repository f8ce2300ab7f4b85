import { CLOCK_RATE_ERROR_MAX } from "@lormas/lease/lease-policy.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type HeldLease,
  holds,
  type LeadershipRecord,
  type LeadershipWatch,
  mayTakeOver,
  takeoverWaitMs,
  watchLeadership,
} from "./leader-lease.ts";

const record = (change: Partial<LeadershipRecord> = {}): LeadershipRecord => ({
  holder: "a",
  term: 3,
  renewals: 7,
  ttlMs: 15_000,
  ...change,
});

describe("a standby", () => {
  test("takes over only after it has seen the row unchanged for TTL (1 + ρ)/(1 − ρ) on its own clock", () => {
    const waitMs = takeoverWaitMs(15_000);
    expect(waitMs).toBe(Math.ceil((15_000 * 1.05) / 0.95));
    let watch = watchLeadership(null, record(), 1_000);
    watch = watchLeadership(watch, record(), 9_000);
    expect(mayTakeOver(watch, "b", 1_000 + waitMs - 1)).toBe(false);
    expect(mayTakeOver(watch, "b", 1_000 + waitMs)).toBe(true);
  });

  test.each([{ renewals: 8 }, { term: 4, renewals: 7 }, { holder: "c" }])(
    "begins to wait anew when the row changes: %j",
    (change) => {
      const watch = watchLeadership(watchLeadership(null, record(), 0), record(change), 17_000);
      expect(watch.unchangedSinceMs).toBe(17_000);
      expect(mayTakeOver(watch, "b", 17_000)).toBe(false);
    },
  );

  test("need not wait for a released lease, nor for its own predecessor", () => {
    expect(mayTakeOver(watchLeadership(null, record({ holder: null }), 0), "b", 0)).toBe(true);
    expect(mayTakeOver(watchLeadership(null, record(), 0), "a", 0)).toBe(true);
  });

  test("never leads while the holder still believes that it does, whatever the clock rates and delays", () => {
    const rate = fc.double({ min: 1 - CLOCK_RATE_ERROR_MAX, max: 1 + CLOCK_RATE_ERROR_MAX, noNaN: true });
    const renewals = fc.array(fc.record({ everyMs: fc.nat(12_000), storedAfterMs: fc.nat(4_000) }), { maxLength: 10 });
    fc.assert(
      fc.property(
        rate,
        rate,
        renewals,
        fc.integer({ min: 1, max: 3_000 }),
        (holderRate, standbyRate, asked, readEveryMs) => {
          // True time: when the holder asked, and when that became visible in the row.
          let atMs = 0;
          const stored: { askedMs: number; visibleMs: number }[] = [{ askedMs: 0, visibleMs: 0 }];
          for (const { everyMs, storedAfterMs } of asked) {
            atMs += everyMs;
            const last = stored.at(-1)?.visibleMs ?? 0;
            stored.push({ askedMs: atMs, visibleMs: Math.max(last, atMs + storedAfterMs) });
          }
          let watch: LeadershipWatch | null = null;
          for (let nowMs = 0; nowMs < 300_000; nowMs += readEveryMs) {
            const renewals = stored.findLastIndex(({ visibleMs }) => visibleMs <= nowMs);
            watch = watchLeadership(watch, record({ renewals }), nowMs * standbyRate);
            if (!mayTakeOver(watch, "b", nowMs * standbyRate)) continue;
            // A renewal that is not stored before the takeover is refused, so it does not count.
            const lease: HeldLease = { term: 3, askedMs: (stored[renewals]?.askedMs ?? 0) * holderRate, ttlMs: 15_000 };
            expect(holds(lease, nowMs * holderRate)).toBe(false);
            return;
          }
          expect.fail("nobody ever took over");
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("a holder counts its lease from when it asked, and grants nothing from its end on", () => {
  const lease: HeldLease = { term: 3, askedMs: 1_000, ttlMs: 15_000 };
  expect(holds(lease, 15_999)).toBe(true);
  expect(holds(lease, 16_000)).toBe(false);
  expect(holds(null, 0)).toBe(false);
});
