import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { AuditService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type CallApi, callApi } from "./fuzz/call-api.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";
import { INPUT_LIMITS, RESIZE_LIMITS } from "./services/console-input.ts";

let fleet: FleetRig;
let rig: RuntimePlaneRig;
let api: CallApi;
let made = 0;
/** A container of a test's own: what one test sends counts for no other. */
let name: string;

beforeAll(async () => {
  fleet = await fleetRig(2);
  rig = await startRuntimePlaneRig(fleet);
  api = callApi(rig.transport);
});
afterAll(async () => {
  await rig.close();
  await fleet.close();
});
beforeEach(async () => {
  made += 1;
  name = `world-${made}`;
  await api.containers.createContainer({ name, eggId: "hello-http", resources: { cpuMillis: 10 } });
  await fleet.settle();
  fleet.agents.inputs.length = 0;
});

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => ConnectError.from(error),
  );

test("a line is written with its end, or as it is where that is asked for, by REST as well", async () => {
  await api.containers.sendConsoleInput({ id: name, text: "say hello" });
  await api.containers.sendConsoleInput({ id: name, text: "two\nlines\n", withoutLineEnd: true });
  await api.containers.sendConsoleInput({ id: name });
  const answer = await fetch(`${rig.plane.url}/api/v1/containers/${name}/console`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.token}`, "content-type": "application/json" },
    body: JSON.stringify({ text: "grüße" }),
  });
  expect([answer.status, await answer.json()]).toEqual([200, {}]);
  expect(fleet.agents.inputs).toEqual(["say hello\n", "two\nlines\n", "\n", "grüße\n"]);
});

test("what cannot be written is refused with the reason, and nothing is written", async () => {
  const { containers } = api;
  const nothing = await refusal(containers.sendConsoleInput({ id: name, withoutLineEnd: true }));
  expect(nothing?.code).toBe(Code.InvalidArgument);
  const long = await refusal(containers.sendConsoleInput({ id: name, text: "é".repeat(2_001) }));
  expect(long?.code).toBe(Code.InvalidArgument);
  expect(await refusal(containers.sendConsoleInput({ id: name, text: "é".repeat(2_000) }))).toBeNull();
  fleet.agents.inputs.length = 0;
  expect((await refusal(containers.sendConsoleInput({ id: name, text: "a\0b" })))?.code).toBe(Code.InvalidArgument);
  await containers.stopContainer({ id: name });
  await fleet.settle();
  const stopped = await refusal(containers.sendConsoleInput({ id: name, text: "x" }));
  expect([stopped?.code, stopped?.message]).toEqual([Code.FailedPrecondition, expect.stringContaining("not run")]);
  await containers.createContainer({ name: `${name}-new`, eggId: "hello-http", createStopped: true });
  await fleet.settle();
  const nowhere = await refusal(containers.sendConsoleInput({ id: `${name}-new`, text: "x" }));
  expect([nowhere?.code, nowhere?.message]).toEqual([Code.FailedPrecondition, expect.stringContaining("on no node")]);
  expect(fleet.agents.inputs).toEqual([]);
});

test("a container takes so many inputs at once, whoever sends them, and no other is held up", async () => {
  const send = (id: string) => refusal(api.containers.sendConsoleInput({ id, text: "x" }));
  const outcomes = await Promise.all(Array.from({ length: INPUT_LIMITS.burst * 3 }, () => send(name)));
  const refused = outcomes.filter((error) => error !== null);
  expect(refused.length).toBeGreaterThan(0);
  expect(outcomes.length - refused.length).toBeGreaterThanOrEqual(INPUT_LIMITS.burst);
  for (const error of refused) {
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(Number(error.metadata.get("retry-after"))).toBeGreaterThan(0);
  }
  const other = `${name}-other`;
  await api.containers.createContainer({ name: other, eggId: "hello-http", resources: { cpuMillis: 10 } });
  await fleet.settle();
  expect(await send(other)).toBeNull();
});

test("the audit trail says who sent something to which container, and never what", async () => {
  await api.containers.sendConsoleInput({ id: name, text: "op-with-a-password" });
  const audit = createClient(AuditService, rig.transport);
  const { entries } = await audit.listAuditEntries({ method: "SendConsoleInput", object: name });
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({ actorName: "admin", objectName: name });
  const rows = await fleet.database.database.orm.em.fork().execute("select audit_entry::text as row from audit_entry");
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toContain("op-with-a-password");
});

test("who may read the output and not write to the input is refused, and told what is lacking", async () => {
  await api.access.createRole({ name: `reader-${made}`, includes: ["viewer"], grants: ["container:logs:view"] });
  const { secret } = await api.access.createToken({ name: `reader-${made}`, role: `reader-${made}` });
  const answer = await fetch(`${rig.plane.url}/api/v1/containers/${name}/console`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ text: "stop" }),
  });
  expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining("container:console:send")]);
  expect(fleet.agents.inputs).toEqual([]);
});

/** A container with a terminal on a node with docker, which the fleet has from the first one on. */
async function withTerminal(): Promise<string> {
  const { nodes } = fleet.agents;
  if (nodes.size === 2) await fleet.agents.connect(await fleet.join(), { address: "127.0.1.3", runtime: "docker" });
  await fleet.pass(300);
  const terminal = `${name}-tty`;
  await api.containers.createContainer({
    name: terminal,
    eggId: "hello-http",
    resources: { cpuMillis: 10 },
    tty: true,
  });
  await fleet.settle();
  fleet.agents.sizes.length = 0;
  return terminal;
}

test("a container with a terminal waits for a node with docker, and keeps the terminal through a change", async () => {
  const { containers } = api;
  const early = `${name}-early`;
  await containers.createContainer({ name: early, eggId: "hello-http", resources: { cpuMillis: 10 }, tty: true });
  await fleet.settle();
  const waits = (await containers.getContainer({ id: early })).container;
  expect(waits?.statusReason).toContain("it runs exec, its terminal (tty) needs docker");
  await containers.deleteContainer({ id: early });
  const terminal = await withTerminal();
  expect((await containers.getContainer({ id: terminal })).container).toMatchObject({ nodeName: "node-3", tty: true });
  expect((await containers.getContainer({ id: name })).container?.tty).toBe(false);
  await containers.stopContainer({ id: terminal });
  await fleet.settle();
  const { container } = await containers.updateContainer({ id: terminal, resources: { memoryBytes: 128n << 20n } });
  expect(container).toMatchObject({ tty: true, resources: { memoryBytes: 128n << 20n } });
});

test("a terminal shows what it shows byte for byte, and takes the last size that it is given, within bounds", async () => {
  const { containers } = api;
  const terminal = await withTerminal();
  const shown = Buffer.from("\u001b[2J$ \u00e9").subarray(0, -1);
  fleet.agents.shown = [{ bytes: Uint8Array.from(shown), skippedBytes: 12 }];
  const pieces: unknown[] = [];
  for await (const { output, skippedBytes } of api.containers.streamTerminal({ id: terminal })) {
    pieces.push([Buffer.from(output).toString("hex"), skippedBytes]);
  }
  expect(pieces).toEqual([
    ["", 0n],
    [shown.toString("hex"), 12n],
  ]);
  for (const [rows, columns] of [
    [1, 1],
    [1_000, 1_000],
  ]) {
    await containers.resizeTerminal({ id: terminal, rows: rows ?? 0, columns: columns ?? 0 });
  }
  const answer = await fetch(`${rig.plane.url}/api/v1/containers/${terminal}/terminal-size`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.token}`, "content-type": "application/json" },
    body: JSON.stringify({ rows: 24, columns: 80 }),
  });
  expect([answer.status, await answer.json()]).toEqual([200, {}]);
  for (const size of [
    { rows: 0, columns: 80 },
    { rows: 24, columns: 1_001 },
    { rows: 1_001, columns: 80 },
    { rows: 24 },
  ]) {
    expect((await refusal(containers.resizeTerminal({ id: terminal, ...size })))?.code).toBe(Code.InvalidArgument);
  }
  expect(fleet.agents.sizes).toEqual(["1x1", "1000x1000", "80x24"]);
  const many = await Promise.all(
    Array.from({ length: RESIZE_LIMITS.burst * 2 }, () =>
      refusal(containers.resizeTerminal({ id: terminal, rows: 1, columns: 1 })),
    ),
  );
  expect(many.filter((error) => error?.code === Code.ResourceExhausted).length).toBeGreaterThan(0);
});

test("a container without a terminal is refused one with the reason, and so is whoever may only read", async () => {
  const { containers } = api;
  const size = { rows: 24, columns: 80 };
  const resized = await refusal(containers.resizeTerminal({ id: name, ...size }));
  expect([resized?.code, resized?.message]).toEqual([Code.FailedPrecondition, expect.stringContaining("no terminal")]);
  const read = async (id: string) => {
    for await (const _ of containers.streamTerminal({ id })) break;
  };
  expect((await refusal(read(name)))?.code).toBe(Code.FailedPrecondition);
  expect((await refusal(read("nobody")))?.code).toBe(Code.NotFound);
  const terminal = await withTerminal();
  await api.access.createRole({ name: `watcher-${made}`, includes: ["viewer"], grants: ["container:logs:view"] });
  const { secret } = await api.access.createToken({ name: `watcher-${made}`, role: `watcher-${made}` });
  const answer = await fetch(`${rig.plane.url}/api/v1/containers/${terminal}/terminal-size`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify(size),
  });
  expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining("container:console:send")]);
  expect(fleet.agents.sizes).toEqual([]);
});
