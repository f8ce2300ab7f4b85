import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, watchBackoff } from "./backoff.ts";

test("a wait is never negative and never above its bound, at any attempt", () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const waitMs = backoffMs(attempt, random, watchBackoff);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(waitMs).toBeLessThanOrEqual(Math.min(watchBackoff.capMs, watchBackoff.baseMs * 2 ** attempt));
    }),
  );
});

test("a wait uses the whole span, so that many dashboards do not return together", () => {
  expect(backoffMs(3, 0, watchBackoff)).toBe(0);
  expect(backoffMs(3, 0.999_999, watchBackoff)).toBe(3_999);
});
