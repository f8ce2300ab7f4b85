import fc from "fast-check";
import { expect, test } from "vitest";
import { FLAP_HALF_LIFE_MS, FLAP_POINTS_MAX, FLAPS_MAX, flapPenalty, withFlap } from "./flap-quarantine.ts";

const MINUTE = 60_000;

test("a node that never went has no penalty, and says nothing", () => {
  expect(flapPenalty([], 0)).toBeNull();
});

test("the penalty says how often it came and went, and in which time", () => {
  const flaps = [0, 4 * MINUTE, 9 * MINUTE].reduce<readonly number[]>(withFlap, []);
  expect(flapPenalty(flaps, 10 * MINUTE)).toEqual({ points: 126, reason: "came and went 3 times in 10 min: −126" });
});

test("the penalty is half of it after ten minutes, and gone after an hour", () => {
  expect(flapPenalty([0], 0)?.points).toBe(60);
  expect(flapPenalty([0], FLAP_HALF_LIFE_MS)?.points).toBe(30);
  expect(flapPenalty([0], 60 * MINUTE)).toBeNull();
});

test("however often a node flaps, and whatever its clock says, its penalty and its memory stay bounded and decay", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100 * MINUTE), { maxLength: 60 }), fc.nat(200 * MINUTE), (moments, later) => {
      const flaps = moments.reduce<readonly number[]>(withFlap, []);
      const now = Math.max(0, ...moments);
      expect(flaps.length).toBeLessThanOrEqual(FLAPS_MAX);
      const points = (at: number) => flapPenalty(flaps, at)?.points ?? 0;
      expect(points(now)).toBeLessThanOrEqual(FLAP_POINTS_MAX);
      expect(points(now + later)).toBeLessThanOrEqual(points(now));
    }),
  );
});
