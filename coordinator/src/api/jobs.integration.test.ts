import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AuditService,
  ContainerService,
  EventService,
  type Job,
  JobService,
  JobState,
  MigrationService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let jobs: Client<typeof JobService>;
let containers: Client<typeof ContainerService>;
let events: Client<typeof EventService>;

beforeEach(async () => {
  rig = await fleetRig(2);
  plane = await startRuntimePlaneRig(rig);
  jobs = createClient(JobService, plane.transport);
  containers = createClient(ContainerService, plane.transport);
  events = createClient(EventService, plane.transport);
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});

const create = async (name: string): Promise<string> => {
  const { container } = await containers.createContainer({
    ...{ name, eggId: "hello-http", type: ContainerType.HA },
    resources: { cpuMillis: 100, memoryBytes: 16_777_216n },
  });
  await rig.pass(300);
  return container?.id ?? "";
};
const log = async (job: Job | undefined, more: { after?: bigint } = {}) =>
  (await events.listEvents({ job: job?.id ?? expect.fail("there is no such job"), ...more })).events;
const told = async (filter: object = {}) =>
  (await jobs.listJobs(filter)).jobs.map(({ containerName, kind, state }) => [containerName, kind, state]);

test("every operation of a container is a job, newest first, with who asked for it; it outlives the container", async () => {
  const id = await create("web");
  await containers.stopContainer({ id: "web" });
  await rig.pass(300);
  await containers.startContainer({ id: "web" });
  await rig.pass(300);
  const { migration } = await containers.migrateContainer({ id: "web" });
  await rig.pass(300);
  await containers.deleteContainer({ id: "web" });
  await rig.pass(300);
  await create("other");
  const ofWeb = [
    ["web", "delete", JobState.SUCCEEDED],
    ["web", "migrate", JobState.SUCCEEDED],
    ["web", "start", JobState.SUCCEEDED],
    ["web", "stop", JobState.SUCCEEDED],
    ["web", "create", JobState.SUCCEEDED],
  ];
  expect(await told({ container: "web" })).toEqual(ofWeb);
  const [removal, move, start, stop, creation] = (await jobs.listJobs({ container: "web" })).jobs;
  const { nodeName: first, nodeId: firstId } = creation?.result ?? expect.fail("it came to nothing");
  expect(creation?.result).toMatchObject({ reached: "running", epoch: 1n, sourceNodeId: "" });
  expect(stop?.result).toMatchObject({ reached: "stopped", nodeName: first, epoch: 1n });
  expect(start?.result).toMatchObject({ reached: "running", nodeName: first, epoch: 2n });
  expect(move?.result).toMatchObject({ reached: "running", epoch: 3n, sourceNodeId: firstId, sourceNodeName: first });
  expect(move?.result?.nodeName).not.toBe(first);
  expect(move?.result?.downtimeMs).toBeGreaterThanOrEqual(0n);
  expect([move?.migrationId, start?.migrationId]).toEqual([migration?.id, ""]);
  expect(removal?.result).toMatchObject({ reached: "removed", nodeId: "", epoch: 0n });
  const logs = [await log(creation), await log(stop), await log(start), await log(move), await log(removal)];
  expect(logs.map((events) => events.map(({ type }) => type.split(".")[1])).toSpliced(3, 1)).toEqual([
    ["created", "placed", "starting", "running"],
    ["stopping", "stopped"],
    ["starting", "running"],
    ["removed"],
  ]);
  expect(logs[3]?.at(0)?.type).toBe("migration.started");
  expect(logs[3]?.some(({ type }) => type === "migration.completed")).toBe(true);
  const all = logs.flat();
  expect(all.every(({ containerId }) => containerId === id)).toBe(true);
  const numbers = all.map(({ sequence }) => Number(sequence));
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(await log(move, { after: logs[3]?.at(-2)?.sequence ?? 0n })).toEqual(logs[3]?.slice(-1));
  expect([creation, stop, start, move, removal].map((job) => job?.progress)).toEqual(Array(5).fill(undefined));
  expect(await told({ container: id })).toEqual(ofWeb);
  expect(await told()).toHaveLength(6);
  const [one] = (await jobs.listJobs({ container: "other" })).jobs;
  expect(one).toMatchObject({ requestedBy: "token:admin", error: "" });
  expect((await jobs.getJob({ id: one?.id.toUpperCase() ?? "" })).job).toEqual(one);
  expect(await told({ container: "never" })).toEqual([]);
});

test("what takes effect at once is a job that has ended, and what changes nothing is none", async () => {
  await create("web");
  const change = { id: "web", restartPriority: RestartPriority.HIGH };
  const suspension = { id: "web", reason: "unpaid" };
  for (const ask of [
    () => containers.updateContainer(change),
    () => containers.stopContainer({ id: "web" }),
    () => containers.suspendContainer(suspension),
    () => containers.unsuspendContainer({ id: "web" }),
  ]) {
    await ask();
    await rig.pass(300);
    await ask();
  }
  const done = ["unsuspend", "suspend", "stop", "update", "create"].map((kind) => ["web", kind, JobState.SUCCEEDED]);
  expect(await told()).toEqual(done);
  const { jobs: updates } = await jobs.listJobs({ filter: "kind = update AND state = succeeded" });
  expect(updates).toMatchObject([{ requestedBy: "token:admin", error: "" }]);
  expect(updates[0]?.endedAt).toEqual(updates[0]?.createdAt);
});

test("a job runs until what was asked for is so, and fails with the reason when a later wish takes its place", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.agents.held = promise;
  await containers.createContainer({ name: "web", eggId: "hello-http", resources: { cpuMillis: 100 } });
  expect(await told({ activeOnly: true })).toEqual([["web", "create", JobState.RUNNING]]);
  const [under] = (await jobs.listJobs({})).jobs;
  expect(under?.progress).toMatchObject({ step: "starting", stepsDone: 1, stepsTotal: 2 });
  expect(under?.result).toBeUndefined();
  expect((await log(under)).map(({ type }) => type)).toContain("container.starting");
  await containers.deleteContainer({ id: "web" });
  const [created] = (await jobs.listJobs({ container: "web" })).jobs.filter(({ kind }) => kind === "create");
  expect(created).toMatchObject({ state: JobState.FAILED, error: "replaced by a later wish: delete" });
  expect(created?.endedAt).toBeDefined();
  expect([created?.progress, created?.result]).toEqual([undefined, undefined]);
  resolve();
  await rig.settle();
  expect(await told({ activeOnly: true })).toEqual([]);
});

test("of two that one transaction decides each has its own log", async () => {
  const id = await create("web");
  const { operations } = rig.runtime();
  const priorities = ["low", "critical"] as const;
  await Promise.all(
    priorities.map((priority) => operations.updateContainer(id, { tuning: { priority }, remake: null }, priority)),
  );
  const logs = new Map<string, string[]>();
  for (const job of (await jobs.listJobs({ filter: "kind = update" })).jobs) {
    logs.set(
      job.requestedBy,
      (await log(job)).map(({ message }) => message.replace(/:.*/, "")),
    );
  }
  expect(Object.fromEntries(logs)).toEqual({
    low: ["web was changed by low"],
    critical: ["web was changed by critical"],
  });
});

test("a change on the stream brings the jobs in whose log its event is, as they are then, and no others", async () => {
  await create("other");
  const { asOf } = await events.listEvents({ latest: true, pageSize: 1 });
  await create("web");
  await containers.stopContainer({ id: "web" });
  await rig.pass(300);
  await containers.updateContainer({ id: "web", restartPriority: RestartPriority.HIGH });
  const [update, stop, creation] = (await jobs.listJobs({ container: "web" })).jobs;
  const abort = new AbortController();
  const seen: [string, (string | undefined)[]][] = [];
  for await (const { message } of events.watch({ after: asOf }, { signal: abort.signal })) {
    if (message.case !== "change") continue;
    const { event, jobs: ofEvent } = message.value;
    seen.push([event?.type ?? "", ofEvent.map(({ id }) => id)]);
    if (event?.type === "container.updated") {
      expect(ofEvent).toEqual([update]);
      break;
    }
  }
  abort.abort();
  const of = (job: Job | undefined) => seen.filter(([, ids]) => ids.includes(job?.id)).map(([type]) => type);
  for (const job of [creation, stop, update]) expect(of(job)).toEqual((await log(job)).map(({ type }) => type));
  expect(seen.every(([, ids]) => ids.length <= 1)).toBe(true);
});

test("pages hold every job once, and what is no job or no page is refused by its field", async () => {
  for (const name of ["c-1", "c-2", "c-3"]) await create(name);
  // Two of one moment.
  await Promise.all(["c-4", "c-5"].map((name) => containers.createContainer({ name, eggId: "hello-http" })));
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await jobs.listJobs({ pageSize: 1, pageToken });
    seen.push(...page.jobs.map(({ containerName }) => containerName));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen.slice(0, 2).sort()).toEqual(["c-4", "c-5"]);
  expect(seen.slice(2)).toEqual(["c-3", "c-2", "c-1"]);
  const refused = (call: Promise<unknown>) =>
    call.then(
      () => "",
      (error: unknown) => ConnectError.from(error).message,
    );
  expect(await refused(jobs.getJob({ id: "00000000-0000-4000-8000-000000000000" }))).toContain("[not_found]");
  expect(await refused(jobs.getJob({ id: "web" }))).toContain("[invalid_argument]");
  expect(await refused(events.listEvents({ job: "00000000-0000-4000-8000-000000000000" }))).toContain("[not_found]");
  expect(await refused(events.listEvents({ job: "web" }))).toContain("[invalid_argument]");
  expect(await refused(jobs.listJobs({ pageToken: "nonsense" }))).toContain("[invalid_argument]");
  expect(await refused(jobs.listJobs({ pageSize: 1_001 }))).toContain("[invalid_argument]");
  expect(await refused(jobs.listJobs({ container: "a\0b" }))).toBe("");
});

test("the id of a request leads from the audit trail to its job, its migration and every event that followed", async () => {
  await create("web");
  await create("db");
  const rest = (path: string, requestId: string) =>
    fetch(`${plane.plane.url}/api/v1/containers/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${plane.token}`,
        "content-type": "application/json",
        "x-request-id": requestId,
      },
      body: "{}",
    });
  expect((await rest("web/migrate", "move-web-2026")).status).toBe(200);
  await containers.stopContainer({ id: "db" }, { headers: { "x-request-id": "stop-db-2026" } });
  await rig.pass(300);
  const request = "move-web-2026";
  const { entries } = await createClient(AuditService, plane.transport).listAuditEntries({ request });
  expect(entries.map(({ method, objectName }) => [method, objectName])).toEqual([
    ["ContainerService/MigrateContainer", "web"],
  ]);
  const filter = `request_id = "${request}"`;
  const { jobs: asked } = await jobs.listJobs({ filter });
  expect(asked.map(({ kind, requestId }) => [kind, requestId])).toEqual([["migrate", request]]);
  const { migrations } = await createClient(MigrationService, plane.transport).listMigrations({ filter });
  expect(migrations.map(({ id, requestId }) => [id, requestId])).toEqual([[asked[0]?.migrationId, request]]);
  const { events: followed } = await events.listEvents({ request });
  expect(followed.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["migration.started", "migration.completed"]),
  );
  expect(new Set(followed.map(({ containerId, requestId }) => `${containerId} ${requestId}`)).size).toBe(1);
  expect((await events.listEvents({ request: "stop-db-2026" })).events.map(({ type }) => type)).toEqual([
    "container.stopping",
    "container.stopped",
  ]);
  expect((await events.listEvents({ request: "nobody-asked\u0000" })).events).toEqual([]);
  // What nobody has asked for is called so by the coordinator alone.
  const answer = await rest("db/start", "decision-1-1");
  expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
});
