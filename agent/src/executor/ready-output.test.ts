import { create } from "@bufbuild/protobuf";
import { EquipmentSchema, ReadyOutputSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { LINE_CHARS_MAX, PATTERN_WEIGHT_MAX, readyWeight, SEARCH_WORK_MAX } from "@lormas/wire/line-pattern.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { specProblems } from "../runtime/workload-names.ts";
import { awaitReadyOutput } from "./ready-output.ts";
import { SharedTurns, TURN_WORK } from "./shared-turns.ts";

const clock = bootClock();
/** Of 512 steps each, the most there may be. */
const WORST = [..."01234567"].map((last) => `regex:(?:a?){255}${last}`);
const never = new AbortController().signal;
let runtime: SimulatedRuntime;
let turns: SharedTurns;

beforeEach(() => {
  runtime = new SimulatedRuntime(clock, systemTimers);
  turns = new SharedTurns(systemTimers);
});

async function started(lines: readonly string[], budgetMs = 5_000) {
  const ready = create(ReadyOutputSchema, { lines: [...lines], budgetMs });
  const spec = testSpec({ equipment: create(EquipmentSchema, { ready }) });
  const yes = async () => undefined;
  await runtime.start({ spec, epoch: 1n, session: 1n, permit: yes, release: yes });
  const wait = (cut = never) => awaitReadyOutput(spec, ready, { runtime, clock, timers: systemTimers, turns }, cut);
  return { spec, wait };
}

describe("waiting for the line that tells that a container is ready", () => {
  test("a part of a line will do, written before or after the wait began", async () => {
    const { spec, wait } = await started([")! For help, type "]);
    const later = wait();
    runtime.write(spec.containerId, '[Server thread/INFO]: Done (12.3s)! For help, type "help"');
    expect(await later).toBe("ready");
    expect(await wait()).toBe("ready");
  });

  test("colours and titles of a terminal do not stand in the way", async () => {
    const { spec, wait } = await started(["Server started"]);
    runtime.write(spec.containerId, "\u001b]0;title\u0007\u001b[32mSer\u001b[1mver\u001b[0m started");
    expect(await wait()).toBe("ready");
  });

  test("an expression is found behind its prefix", async () => {
    const { spec, wait } = await started(["regex:^Done \\(\\d+ms\\)"]);
    const waiting = wait();
    runtime.write(spec.containerId, "almost Done (1ms)");
    runtime.write(spec.containerId, "Done (32ms)");
    expect(await waiting).toBe("ready");
  });

  test("without the line the wait is over with its budget", async () => {
    const { spec, wait } = await started(["ready"], 1_000);
    runtime.write(spec.containerId, "still loading");
    expect(await wait()).toBe("late");
  });

  test("the end of the copy, and a stop, end the wait", async () => {
    const { spec, wait } = await started(["ready"]);
    const waiting = wait();
    runtime.crash(spec.containerId, 1);
    expect(await waiting).toBe("ended");
    const other = await started(["ready"]);
    const cut = new AbortController();
    const cutShort = other.wait(cut.signal);
    cut.abort();
    expect(await cutShort).toBe("ended");
  });

  test("output of which the stream broke is read again from the copy's first line", async () => {
    const { spec, wait } = await started(["ready"]);
    runtime.breakLogs = 1;
    const waiting = wait();
    await waitFor("the broken stream", () => runtime.breakLogs === 0);
    runtime.write(spec.containerId, "ready");
    expect(await waiting).toBe("ready");
  });

  test("an expression that could take time without a bound makes a specification that cannot be run", async () => {
    const ready = create(ReadyOutputSchema, { lines: ["regex:(a+)+\\1"] });
    const spec = testSpec({ equipment: create(EquipmentSchema, { ready }) });
    expect(specProblems(spec)).toEqual([expect.stringContaining("no expression that agents know")]);
  });

  test("expressions that are too long together make a specification that cannot be run", () => {
    const problems = (lines: readonly string[]) =>
      specProblems(testSpec({ equipment: create(EquipmentSchema, { ready: { lines: [...lines] } }) }));
    const eight = WORST.slice(0, 8);
    expect(readyWeight(eight)).toBe(PATTERN_WEIGHT_MAX);
    expect(problems(eight)).toEqual([]);
    expect(problems([...eight, "regex:a"])).toEqual([expect.stringContaining(`at most ${PATTERN_WEIGHT_MAX}`)]);
    expect(problems([...eight, "a text"])).toEqual([]);
  });

  test("the longest expressions of all, in several containers at once, leave the agent its turn", async () => {
    // What each turn of the event loop has had to do.
    const works = [0];
    turns = new SharedTurns({
      ...systemTimers,
      sleep: (delayMs, signal) => systemTimers.sleep(delayMs, signal).then(() => void works.push(0)),
    });
    const give = turns.do.bind(turns);
    turns.do = (part) =>
      give(() => {
        const done = part();
        works[works.length - 1] = (works.at(-1) ?? 0) + done.work;
        return done;
      });
    const cut = new AbortController();
    const waits: Promise<string>[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { spec, wait } = await started([...WORST.slice(0, 8), "Done"], 60_000);
      runtime.write(spec.containerId, "a".repeat(LINE_CHARS_MAX / 4));
      runtime.write(spec.containerId, "Done");
      waits.push(wait(cut.signal));
    }
    expect(await Promise.all(waits)).toEqual(["ready", "ready", "ready"]);
    const atMost = TURN_WORK + Math.max(SEARCH_WORK_MAX, LINE_CHARS_MAX);
    expect(Math.max(...works)).toBeLessThanOrEqual(atMost);
    expect(works.length).toBeGreaterThan(100);
  });
});
