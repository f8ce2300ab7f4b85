import { create } from "@bufbuild/protobuf";
import {
  type CommandsRequest,
  CommandsRequestSchema,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  PushLogsRequestSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { beforeEach, expect, test } from "vitest";
import { HEARD_MAX, HeardLog, VIOLATIONS_MAX } from "./heard.ts";
import { STREAMS_MAX, StreamRules } from "./stream-rules.ts";

const RUN = "00000000-0000-4000-8000-000000000001";
let rules: StreamRules;
beforeEach(() => {
  rules = new StreamRules();
});

const hello = create(HeartbeatRequestSchema, { message: { case: "hello", value: { incarnation: RUN } } }).message;
const beat = (sequence: bigint): HeartbeatRequest["message"] =>
  create(HeartbeatRequestSchema, { message: { case: "heartbeat", value: { sequence } } }).message;
const up = (message: Parameters<typeof create<typeof CommandsRequestSchema>>[1]): CommandsRequest["message"] =>
  create(CommandsRequestSchema, message).message;
const attach = up({ message: { case: "attach", value: { incarnation: RUN, session: 1n } } });
const inventory = up({ message: { case: "inventory", value: { session: 1n } } });
const report = (sequence: bigint, detail = "") =>
  up({ message: { case: "report", value: { sequence, status: { detail } } } });
const result = (ok: boolean, errorCode: string, errorMessage = "") =>
  up({ message: { case: "result", value: { ok, errorCode, errorMessage } } });

test("a heartbeat stream begins with its only Hello, and its numbers rise through all streams of a run", () => {
  expect([rules.heartbeat(1, hello), rules.heartbeat(1, beat(1n)), rules.heartbeat(1, beat(4n))]).toEqual([
    null,
    null,
    null,
  ]);
  expect(rules.heartbeat(1, hello)).toContain("not the first");
  expect(rules.heartbeat(1, beat(4n))).toContain("4 after 4");
  rules.closed(1);
  expect(rules.heartbeat(2, hello)).toBeNull();
  expect(rules.heartbeat(2, beat(3n))).toContain("3 after 4");
  expect(rules.heartbeat(3, beat(9n))).toContain("no Hello");
});

test("a command stream begins with an Attach, and reports come behind the inventory", () => {
  expect(rules.commands(1, inventory)).toContain("not an Attach");
  expect([rules.commands(2, attach), rules.commands(2, result(true, ""))]).toEqual([null, null]);
  expect(rules.commands(2, report(1n))).toContain("before the inventory");
  expect([rules.commands(2, inventory), rules.commands(2, report(2n))]).toEqual([null, null]);
  expect(rules.commands(2, report(2n))).toContain("2 after 2");
});

test("texts are as long as they may be, and no longer", () => {
  rules.commands(1, attach);
  rules.commands(1, inventory);
  expect(rules.commands(1, result(false, "refused", "é".repeat(1_024)))).toBeNull();
  expect(rules.commands(1, result(false, "refused", `${"é".repeat(1_024)}.`))).toContain("2 KiB");
  expect(rules.commands(1, report(1n, "x".repeat(1_024)))).toBeNull();
  expect(rules.commands(1, report(2n, "x".repeat(1_025)))).toContain("1 KiB");
  const line = (text: string) => rules.logs(create(PushLogsRequestSchema, { lines: [{ text }] }));
  expect([line("x".repeat(16_384)), line("x".repeat(16_385))]).toEqual([null, expect.stringContaining("16 KiB")]);
  expect(rules.commands(1, result(true, "refused"))).toContain("ok and had an error code");
});

test("a flood of streams, messages or violations is told of, and not kept", () => {
  for (let stream = 0; stream < STREAMS_MAX; stream += 1) expect(rules.heartbeat(stream, hello)).toBeNull();
  expect(rules.heartbeat(STREAMS_MAX, hello)).toContain(`more than ${STREAMS_MAX}`);
  rules.closed(0);
  expect(rules.heartbeat(STREAMS_MAX, hello)).toBeNull();

  const heard = new HeardLog();
  for (let count = 0; count < HEARD_MAX; count += 1) heard.note({ kind: "dial" }, count);
  expect(heard.violations).toEqual([]);
  heard.note({ kind: "dial" }, HEARD_MAX);
  expect([heard.length, heard.violations]).toEqual([HEARD_MAX, [expect.stringContaining(`${HEARD_MAX}`)]]);
  for (let count = 0; count < 2 * VIOLATIONS_MAX; count += 1) heard.violated(`problem ${count}`);
  expect(heard.violations).toHaveLength(VIOLATIONS_MAX);
});
