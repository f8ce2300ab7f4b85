import fc from "fast-check";
import { expect, test } from "vitest";
import { BACK_OFF, backOffMs, dialLimits } from "./back-off.ts";

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a wait is never negative, never above the cap and never above its attempt's ceiling", () => {
  fc.assert(
    fc.property(fc.nat(10_000), chance, (attempt, random) => {
      const waitMs = backOffMs(attempt, random);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(waitMs).toBeLessThan(BACK_OFF.capMs);
      expect(waitMs).toBeLessThanOrEqual(BACK_OFF.baseMs * 2 ** attempt);
    }),
  );
});

test("the jitter is full: chance decides over the whole range", () => {
  expect(backOffMs(3, 0)).toBe(0);
  expect(backOffMs(3, 0.5)).toBe(400);
  expect(backOffMs(20, 0.999)).toBe(4_995);
});

test("while containers run under a lease, no pause between dials is longer than an eighth of it", () => {
  for (const leaseMs of [800, 5_000, 20_000, 3_600_000]) {
    const limits = dialLimits(leaseMs, true);
    for (let attempt = 0; attempt < 40; attempt += 1) {
      expect(backOffMs(attempt, 0.999, limits)).toBeLessThanOrEqual(Math.min(5_000, leaseMs / 8));
    }
  }
  expect(dialLimits(null, true)).toEqual(BACK_OFF);
});

test("without a lease no pause is longer than half of one, so that a leader that is back hears of the node before W", () => {
  for (const leaseMs of [800, 4_000, 20_000]) {
    const limits = dialLimits(leaseMs, false);
    expect(backOffMs(40, 0.999, limits)).toBeLessThanOrEqual(Math.min(5_000, leaseMs / 2));
  }
  expect(dialLimits(null, false)).toEqual(BACK_OFF);
});
