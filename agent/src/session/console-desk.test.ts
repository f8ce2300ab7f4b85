import { create } from "@bufbuild/protobuf";
import { ConsoleInputSchema, ConsoleResizeSchema, type ConsoleResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { beforeEach, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { waitFor } from "../clock/wait-for-clock.ts";
import { testId, testSpec } from "../node/test-command.ts";
import type { RuntimeLogLine } from "../runtime/container-runtime.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { ConsoleDesk, INPUTS_WAITING_MAX } from "./console-desk.ts";

const spec = testSpec();
const { containerId } = spec;
let runtime: SimulatedRuntime;
let desk: ConsoleDesk;
let answers: ConsoleResult[];

beforeEach(async () => {
  runtime = new SimulatedRuntime(bootClock(), systemTimers);
  desk = new ConsoleDesk(runtime);
  answers = [];
  await runtime.start({ spec, epoch: 3n, session: 1n, permit: async () => undefined, release: async () => undefined });
});

function take(text: string, change: { containerId?: string; epoch?: bigint; data?: Uint8Array<ArrayBuffer> } = {}) {
  const inputId = testId();
  const data = new Uint8Array(Buffer.from(text));
  desk.take(create(ConsoleInputSchema, { inputId, containerId, epoch: 3n, data, ...change }), (result) =>
    answers.push(result),
  );
  return async () => {
    const found = await waitFor("an answer", () => answers.find((result) => result.inputId === inputId));
    return found.errorCode;
  };
}

async function lines(): Promise<string[]> {
  const read: RuntimeLogLine[] = [];
  const request = { tailLines: 1_000, follow: false, signal: new AbortController().signal };
  for await (const line of runtime.logs(containerId, request)) read.push(line);
  expect(read.shift()?.text).toBe("started");
  return read.map(({ text }) => text);
}

test("inputs of a container are written one after the other, as they came, and each is answered once", async () => {
  const all = Array.from({ length: INPUTS_WAITING_MAX }, (_, at) => take(`line ${at}\n`));
  for (const answer of all) expect(await answer()).toBe("");
  expect(await lines()).toEqual(all.map((_, at) => `line ${at}`));
  expect(answers).toHaveLength(all.length);
  expect(desk.busy).toBe(0);
});

test("no more wait than may, for each container by itself", async () => {
  const other = testSpec();
  await runtime.start({
    spec: other,
    epoch: 1n,
    session: 1n,
    permit: async () => undefined,
    release: async () => undefined,
  });
  const waiting = Array.from({ length: INPUTS_WAITING_MAX }, () => take("x\n"));
  expect(await take("x\n")()).toBe("input_full");
  expect(await take("x\n", { containerId: other.containerId, epoch: 1n })()).toBe("");
  for (const answer of waiting) expect(await answer()).toBe("");
});

test("what was meant for another copy is not written, nor what is for a copy that has ended", async () => {
  expect(await take("x\n", { epoch: 2n })()).toBe("stale_epoch");
  expect(await take("x\n", { epoch: 4n })()).toBe("stale_epoch");
  expect(await take("x\n", { containerId: testId() })()).toBe("not_running");
  runtime.crash(containerId, 1);
  expect(await take("x\n")()).toBe("not_running");
  expect(await lines()).toEqual([]);
});

test("a size is given in turn with the inputs, and is answered like one", async () => {
  const given: string[] = [];
  const slow = new ConsoleDesk({
    input: async () => void given.push("input"),
    resize: async (_containerId, epoch, { rows, columns }) => void given.push(`${columns}x${rows} of ${epoch}`),
  });
  const results: ConsoleResult[] = [];
  const told = (result: ConsoleResult) => results.push(result);
  const size = (rows: number, columns: number) => ({ resizeId: testId(), containerId, epoch: 3n, rows, columns });
  slow.take(create(ConsoleInputSchema, { inputId: testId(), containerId, epoch: 3n, data: Uint8Array.of(97) }), told);
  const sizes = [size(1, 1_000), size(0, 80), size(24, 1_001)].map((one) => create(ConsoleResizeSchema, one));
  for (const one of sizes) slow.resize(one, told);
  await waitFor("every answer", () => results.length === 4);
  const codeOf = (id: string) => results.find(({ inputId }) => inputId === id)?.errorCode;
  expect(sizes.map(({ resizeId }) => codeOf(resizeId))).toEqual(["", "refused", "refused"]);
  expect(given).toEqual(["input", "1000x1 of 3"]);
  desk.resize(create(ConsoleResizeSchema, size(24, 80)), told);
  await waitFor("the refusal", () => results.length === 5);
  expect(results[4]).toMatchObject({ errorCode: "no_terminal", errorMessage: expect.stringContaining("tty") });
});

test("a process that does not read, an engine that is away and an input against the rules are told apart", async () => {
  runtime.inputFull = true;
  expect(await take("x\n")()).toBe("input_full");
  runtime.inputFull = false;
  runtime.engineUp = false;
  expect(await take("x\n")()).toBe("refused");
  runtime.engineUp = true;
  expect(await take("")()).toBe("refused");
  expect(await take("x".repeat(4_097))()).toBe("refused");
  expect(await take(`${"x".repeat(4_095)}\n`)()).toBe("");
});
