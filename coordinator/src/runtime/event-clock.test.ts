import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { askedOnceAnEvent } from "./event-clock.ts";

describe("a clock that is asked once an event", () => {
  function machine() {
    const at = { bootMs: 100, monotonicMs: 0, asked: 0 };
    const read = (): number => {
      at.asked += 1;
      return at.bootMs;
    };
    return { at, clock: askedOnceAnEvent(read, () => at.monotonicMs) };
  }

  test("asks the machine once for all that one event asks", () => {
    const { at, clock } = machine();
    expect(clock()).toBe(100);
    at.bootMs = 5_000;
    at.monotonicMs = 0.999;
    expect(clock()).toBe(100);
    expect(at.asked).toBe(1);
  });

  test("sees within one event that a millisecond has passed", () => {
    const { at, clock } = machine();
    clock();
    at.bootMs = 101;
    at.monotonicMs = 1;
    expect(clock()).toBe(101);
    at.bootMs = 102;
    at.monotonicMs = 1.9;
    expect(clock()).toBe(101);
  });

  test("sees in the next event that the machine has slept, though its own monotonic clock stood still", async () => {
    const { at, clock } = machine();
    expect(clock()).toBe(100);
    at.bootMs = 60_000;
    await setImmediate();
    expect(clock()).toBe(60_000);
    at.bootMs = 120_000;
    await Promise.resolve();
    expect(clock()).toBe(120_000);
  });
});
