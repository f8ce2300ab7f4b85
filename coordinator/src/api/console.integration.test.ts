import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { AuditService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type CallApi, callApi } from "./fuzz/call-api.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";
import { INPUT_LIMITS } from "./services/console-input.ts";

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
