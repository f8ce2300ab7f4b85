import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { type HandClock, handClock } from "../clock/hand-clock.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { ENGINE_WAIT_MS, engineAnswers } from "./engine-wait.ts";

const never = new AbortController().signal;

async function pass(clock: HandClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 100) {
    clock.advance(100);
    await turn();
  }
}

test("a start waits for an engine that is being restarted", async () => {
  const clock = handClock();
  const runtime = new SimulatedRuntime(clock, clock.timers);
  runtime.engineUp = false;
  let answered = false;
  const waiting = engineAnswers(runtime, clock, clock.timers, never).then(() => {
    answered = true;
  });
  await pass(clock, ENGINE_WAIT_MS - 1_000);
  expect(answered).toBe(false);
  runtime.engineUp = true;
  await pass(clock, 500);
  await waiting;
});

test("an engine that stays away is named as the reason, with what to do", async () => {
  const clock = handClock();
  const runtime = new SimulatedRuntime(clock, clock.timers);
  runtime.engineUp = false;
  const failing = expect(engineAnswers(runtime, clock, clock.timers, never)).rejects.toMatchObject({
    code: "engine_down",
    message: expect.stringMatching(/has not answered for 20 s: .*systemctl status docker/),
  });
  await pass(clock, ENGINE_WAIT_MS + 500);
  await failing;
});
