import { describe, expect, test } from "vitest";
import { sparinglyAsked } from "./boot-clock.ts";

/** What the kernel tells goes in steps of so much, rounded down, as those of /proc/uptime. */
const STEP_MS = 10;

/** A machine whose true time nobody tells; `answered` happens when the kernel has made up its answer. */
function machine() {
  const at = { trueMs: 1_000, monotonicMs: 0, wallMs: 50_000, reads: 0, answered: () => {} };
  const read = (): number => {
    at.reads += 1;
    const toldMs = Math.floor(at.trueMs / STEP_MS) * STEP_MS;
    at.answered();
    return toldMs;
  };
  const runs = (ms: number): void => {
    at.trueMs += ms;
    at.monotonicMs += ms;
    at.wallMs += ms;
  };
  const sleeps = (ms: number): void => {
    at.trueMs += ms;
    at.wallMs += ms;
  };
  const others = { monotonicMs: () => at.monotonicMs, wallMs: () => Math.floor(at.wallMs) };
  return { at, runs, sleeps, clock: sparinglyAsked(read, others) };
}

describe("the clock that goes on while the machine sleeps", () => {
  test("asks the kernel once in ten milliseconds, however often it is asked, and goes on in between", () => {
    const { at, runs, clock } = machine();
    expect(clock()).toBe(1_000);
    runs(4.5);
    expect(clock()).toBe(1_004);
    runs(5.4);
    expect(clock()).toBe(1_009);
    expect(at.reads).toBe(1);
    runs(0.1);
    expect(clock()).toBe(1_010);
    expect(at.reads).toBe(2);
  });

  test("is never late by more than a step and a millisecond, never early, and never goes back", () => {
    const { at, runs, sleeps, clock } = machine();
    let before = 0;
    for (let step = 0; step < 5_000; step++) {
      if (step % 97 === 0) sleeps((step % 7) * 1.3);
      else runs((step % 13) * 0.37);
      const now = clock();
      expect(now).toBeLessThanOrEqual(at.trueMs);
      expect(now).toBeGreaterThan(at.trueMs - STEP_MS - 2);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });

  test("sees at once that the machine has slept, within the same event, though its monotonic clock stood still", () => {
    const { sleeps, clock } = machine();
    expect(clock()).toBe(1_000);
    sleeps(60_000);
    expect(clock()).toBe(61_000);
  });

  test.each([-3_600_000, 3_600_000])("keeps the time when somebody sets the wall clock by %i ms", (ms) => {
    const { at, runs, clock } = machine();
    clock();
    runs(3);
    at.wallMs += ms;
    expect(clock()).toBe(1_000);
    runs(3);
    expect(clock()).toBe(1_003);
  });

  test.each(["stopped", "asleep"])("holds no answer after which the process was %s before it could look", (how) => {
    const { at, runs, sleeps, clock } = machine();
    at.answered = () => {
      at.answered = () => {};
      if (how === "stopped") runs(60_000);
      else sleeps(60_000);
    };
    expect(clock()).toBe(1_000);
    expect(clock()).toBe(61_000);
  });
});
