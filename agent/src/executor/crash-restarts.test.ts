import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HandClock, handClock } from "../clock/hand-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { Journal } from "../journal/journal.ts";
import type { JournalFile } from "../journal/journal-file.ts";
import { testCommand, testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { restartPauseMs } from "./crash-restarts.ts";
import { Executor } from "./executor.ts";

let journal: Journal;
let clock: HandClock;
let runtime: SimulatedRuntime;
let executor: Executor;
let mayRun: boolean;
let said: string[];

const spec = testSpec({ ha: true });
const id = spec.containerId;
const starts = () => runtime.calls.filter((call) => call.startsWith(`start ${id}`));
const state = async () => (await runtime.inspect(id))?.state;

/** A journal's file that is written at once, so that only the clock says when something is done. */
const memoryFile = (): JournalFile => ({
  path: "memory",
  read: async () => "",
  replace: async () => undefined,
  append: async () => undefined,
  close: async () => undefined,
});

/** Lets what became due be done. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function advance(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) {
    clock.advance(Math.min(100, left));
    await settled();
  }
}

function open(): void {
  executor = new Executor({
    runtime,
    journal,
    guard: new InProcessGuard(),
    mayStart: () => true,
    mayRun: () => mayRun,
    address: "127.0.0.1",
    clock,
    timers: clock.timers,
    log: pino({}, { write: (line: string) => said.push(JSON.parse(line).msg) }),
  });
}

async function command(action: Parameters<typeof testCommand>[1], epoch = 1n, of = id): Promise<void> {
  const one = testCommand(of, action, { epoch });
  let done = false;
  executor.listen(
    (result) => {
      done ||= result.commandId === one.commandId;
    },
    () => undefined,
  );
  executor.submit(one);
  for (let n = 0; n < 100 && !done; n += 1) await advance(100);
  expect(done).toBe(true);
}

const start = { case: "start" as const, value: { spec } };

beforeEach(async () => {
  journal = await Journal.over(memoryFile());
  clock = handClock();
  runtime = new SimulatedRuntime(clock, clock.timers);
  mayRun = true;
  said = [];
  open();
  await journal.append({ kind: "session", session: "1" });
});

afterEach(async () => {
  executor.close();
  await journal.close();
});

describe("a crashed copy, while no command stream is attached", () => {
  test("is started again in its own epoch after 1, 2, 4 … 30 seconds", async () => {
    await command(start, 7n);
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = starts().length;
      runtime.crash(id, 1);
      await settled();
      await advance(pauseMs - 100);
      expect(starts()).toHaveLength(before);
      await advance(100);
      expect(starts()).toHaveLength(before + 1);
      expect(await runtime.inspect(id)).toMatchObject({ state: "running", epoch: 7n, session: 1n });
    }
    expect(restartPauseMs(1_000)).toBe(30_000);
    expect(said.filter((line) => line.includes("it was started again"))).toHaveLength(7);
  });

  test("is forgiven its crashes once it has run for a minute", async () => {
    await command(start);
    for (let n = 0; n < 3; n += 1) {
      runtime.crash(id, 1);
      await settled();
      await advance(10_000);
    }
    await advance(60_000);
    const before = starts().length;
    runtime.crash(id, 1);
    await settled();
    await advance(1_000);
    expect(starts()).toHaveLength(before + 1);
  });

  test("that cannot be started is tried again with the same back-off", async () => {
    await command(start);
    runtime.failStarts = { code: "port_taken", message: "port 80 is taken" };
    runtime.crash(id, 1);
    await settled();
    await advance(7_500);
    expect(starts()).toHaveLength(1 + 3);
    runtime.failStarts = null;
    await advance(10_000);
    expect(await state()).toBe("running");
  });

  test("stays down once a hard end has passed, until the next acknowledgement", async () => {
    await command(start);
    mayRun = false;
    runtime.crash(id, 137);
    await settled();
    await advance(120_000);
    expect(await state()).toBe("exited");
    mayRun = true;
    await advance(1_000);
    expect(await state()).toBe("running");
  });

  test("stays down when the lease ends while it is being started", async () => {
    await command(start);
    runtime.startMs = 500;
    runtime.crash(id, 1);
    await settled();
    await advance(1_200);
    mayRun = false;
    await advance(5_000);
    expect(await state()).toBe("exited");
  });

  test("stays down when its epoch is closed, its session over or the agent leaving", async () => {
    await command(start);
    await command({ case: "stop", value: { graceMs: 0 } });
    await advance(60_000);
    expect(starts()).toHaveLength(1);
    await command(start, 2n);
    await journal.append({ kind: "session", session: "2" });
    runtime.crash(id, 1);
    await settled();
    await advance(60_000);
    expect(starts()).toHaveLength(2);
  });

  test("of no HA container is the coordinator's, whenever it comes back", async () => {
    const plain = testSpec({ ha: false });
    await command({ case: "start", value: { spec: plain } }, 1n, plain.containerId);
    runtime.crash(plain.containerId, 1);
    await settled();
    await advance(60_000);
    expect((await runtime.inspect(plain.containerId))?.state).toBe("exited");
  });

  test("is taken up by an agent that was itself restarted", async () => {
    await command(start);
    executor.close();
    runtime.crash(id, 1);
    open();
    await executor.adopt();
    await advance(1_000);
    expect(await state()).toBe("running");
  });
});

describe("a start that a former agent has left in the engine", () => {
  const first = async () => {
    await command(start);
    executor.close();
    runtime.leaveCreated(spec, 1n, 1n);
    open();
    await executor.adopt();
  };

  test("runs nothing any more: the new agent removes its copy, which the coordinator then finds missing", async () => {
    await first();
    expect(await executor.inventory()).toEqual([]);
    runtime.startCreated(id);
    expect(await state()).toBeUndefined();
  });

  test("runs nothing after a stop either, wherever the copy has come from", async () => {
    await first();
    runtime.leaveCreated(spec, 1n, 1n);
    await command({ case: "stop", value: { graceMs: 0 } });
    runtime.startCreated(id);
    expect(await state()).toBeUndefined();
  });
});

describe("of coordinator and agent exactly one acts", () => {
  test("attached, the coordinator alone starts again what crashed", async () => {
    await command(start);
    await executor.crashes.attached();
    runtime.crash(id, 1);
    await settled();
    await advance(120_000);
    expect(starts()).toHaveLength(1);
  });

  test("a stream that is attached within the back-off takes the restart over", async () => {
    await command(start);
    runtime.crash(id, 1);
    await settled();
    await advance(900);
    await executor.crashes.attached();
    await advance(60_000);
    expect(starts()).toHaveLength(1);
    await command(start, 2n);
    expect(starts()).toHaveLength(2);
    // The coordinator has acted on that crash: nothing is left to do when it goes away.
    executor.crashes.detached();
    await advance(60_000);
    expect(starts()).toHaveLength(2);
  });

  test("a crash that the coordinator did not get to decide on is the agent's once the stream is gone", async () => {
    await command(start);
    await executor.crashes.attached();
    runtime.crash(id, 1);
    await settled();
    await advance(5_000);
    executor.crashes.detached();
    await advance(1_000);
    expect(await state()).toBe("running");
  });

  test("a container that the coordinator has left down for a minute stays down when it goes away", async () => {
    await command(start);
    await executor.crashes.attached();
    runtime.crash(id, 1);
    await settled();
    await advance(61_000);
    executor.crashes.detached();
    await advance(60_000);
    expect(await state()).toBe("exited");
  });

  test("the inventory waits for a restart that is at work, so that it tells of it", async () => {
    await command(start);
    runtime.startMs = 500;
    runtime.crash(id, 1);
    await settled();
    await advance(1_200);
    let inventory: unknown = null;
    void executor.crashes
      .attached()
      .then(() => executor.inventory())
      .then((workloads) => {
        inventory = workloads;
      });
    await advance(100);
    expect(inventory).toBeNull();
    await advance(500);
    expect(inventory).toMatchObject([{ containerId: id, epoch: 1n, upMs: expect.any(BigInt) }]);
    expect(await state()).toBe("running");
  });

  test("a start of a higher epoch ends the copy that the agent had restarted", async () => {
    await command(start);
    runtime.crash(id, 1);
    await settled();
    await advance(1_000);
    await executor.crashes.attached();
    await command(start, 2n);
    expect(runtime.calls.slice(-2)).toEqual([`stop ${id} SIGKILL 0`, `start ${id} 2`]);
    expect(await runtime.inspect(id)).toMatchObject({ state: "running", epoch: 2n });
  });
});
