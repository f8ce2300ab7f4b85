import { randomUUID } from "node:crypto";
import {
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, DesiredState, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { AccessService, AuditService, ContainerService, EggService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { helloHttp } from "../eggs/builtin/hello-http.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { API_SERVICES } from "./public-services.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;

// One fleet for all: each case has things of its own.
beforeAll(async () => {
  rig = await fleetRig(2);
  plane = await startRuntimePlaneRig(rig);
});
afterAll(async () => {
  await plane.close();
  await rig.close();
});

const sql = (text: string) => rig.database.database.orm.em.fork().execute<Record<string, string>[]>(text);

/** Every row of every table. */
async function everything(): Promise<Record<string, string>> {
  const tables = await sql(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const dump: Record<string, string> = {};
  for (const { name = "" } of tables) {
    // When a token was last used is noted of every call, whatever it asks for.
    const [rows] = await sql(
      `select coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, E'\n' order by to_jsonb(t)::text), '') as text from ${name} t`,
    );
    dump[name] = rows?.["text"] ?? "";
  }
  return dump;
}

type Case = {
  readonly prepare?: () => Promise<unknown>;
  readonly request: JsonObject;
  /** A request that is refused, and its code. */
  readonly refused: readonly [request: JsonObject, code: string];
};

const web = (name: string, more: JsonObject = {}) => ({
  name,
  eggId: "hello-http",
  resources: { cpuMillis: 100 },
  ...more,
});
const HA = { type: "CONTAINER_TYPE_HA" };
const make = (name: string, more: JsonObject = {}) => call("ContainerService/CreateContainer", web(name, more));

const CASES: Readonly<Record<string, Case>> = {
  "ContainerService/CreateContainer": {
    prepare: () => make("other"),
    request: web("web", { ...HA, environment: { GREETING: "hello" }, hostPorts: { http: 8081 } }),
    refused: [web("other"), "name_taken"],
  },
  "ContainerService/UpdateContainer": {
    prepare: () => Promise.all([make("changed", { createStopped: true }), make("busy")]),
    request: { id: "changed", ...HA, resources: { cpuMillis: 200 }, setEnvironment: { GREETING: "hi" } },
    refused: [{ id: "busy", ...HA }, "not_stopped"],
  },
  "ContainerService/DeleteContainer": {
    prepare: () => make("removed", HA),
    request: { id: "removed" },
    refused: [{ id: "removed", etag: "stale" }, "etag_mismatch"],
  },
  "ClusterService/CreateCluster": {
    request: {
      name: "hall-2",
      policy: { profile: "fast" },
      description: "over there",
      nPlusOne: "N_PLUS_ONE_POLICY_REFUSE",
    },
    refused: [{ name: "local" }, "name_taken"],
  },
  // Of a cluster with nodes: a change of its policy makes a new epoch of its voting group.
  "ClusterService/UpdateCluster": {
    request: { id: "local", policy: { profile: "patient" }, migrationLimits: { migrationsAtOnce: 7 } },
    refused: [{ id: "local", policy: { profile: "custom", leaseMs: 1 } }, "unsafe_policy"],
  },
  "ClusterService/DeleteCluster": {
    prepare: () => call("ClusterService/CreateCluster", { name: "empty" }),
    request: { id: "empty" },
    refused: [{ id: "local" }, "cluster_not_empty"],
  },
  "NodeService/UpdateNode": {
    request: { id: "node-1", priority: 3, setLabels: { zone: "east" }, name: "first" },
    refused: [{ id: "node-1", name: "node-2" }, "name_taken"],
  },
  "NodeService/RemoveNode": {
    prepare: () => enrol("never-served"),
    request: { id: "never-served" },
    refused: [{ id: "node-2" }, "node_not_dead"],
  },
  "EggService/CreateEgg": {
    request: { egg: { name: "By Hand", category: "Handwork", startup: { exec: "serve" }, health: { kind: "tcp" } } },
    refused: [{ id: "hello-http", egg: { name: "Taken", category: "Web", startup: { exec: "x" } } }, "egg_built_in"],
  },
  "EggService/UpdateEgg": {
    prepare: () => importEgg("edited"),
    request: {
      id: "edited",
      egg: { description: "Anew.", category: "Elsewhere" },
      updateMask: ["description", "category"],
    },
    refused: [{ id: "edited", egg: { startup: {} }, updateMask: ["startup"] }, "invalid_argument"],
  },
  "EggService/DeleteEgg": {
    prepare: () => importEgg("unused"),
    request: { id: "unused" },
    refused: [{ id: "hello-http" }, "egg_built_in"],
  },
  "AccessService/CreateRole": {
    request: { name: "crew", grants: ["container:view"], includes: ["viewer"] },
    refused: [{ name: "viewer" }, "name_taken"],
  },
  "AccessService/UpdateRole": {
    prepare: () => call("AccessService/CreateRole", { name: "guests", grants: ["container:view"] }),
    request: { name: "guests", grants: ["job:view"], description: "ashore" },
    refused: [{ name: "guests", grants: ["container:fly"] }, "invalid_argument"],
  },
  "AccessService/DeleteRole": {
    prepare: () => call("AccessService/CreateRole", { name: "nobody", grants: ["job:view"] }),
    request: { name: "nobody" },
    refused: [{ name: "viewer" }, "role_built_in"],
  },
};

/** A node that has been let in and never came. */
async function enrol(name: string): Promise<void> {
  const createdAtMs = rig.clock.wallMs();
  const token = { secretHash: name, clusterId: rig.clusterId, createdBy: "test", createdAtMs };
  await new JoinTokenStore(rig.database.database).create({ ...token, expiresAtMs: createdAtMs + 600_000 });
  const nodeId = randomUUID();
  await rig
    .runtime()
    .operations.enrolNode({ nodeId, name, agentVersion: "1", tokenHash: name, certificateSerial: name });
}

const importEgg = (id: string) =>
  createClient(EggService, plane.transport).importEgg({
    content: JSON.stringify({ meta: { version: "LORMAS_v1" }, ...helloHttp, id }),
  });

const METHODS = API_SERVICES.flatMap(({ methods }) => methods as readonly DescMethod[]).filter(
  (method): method is DescMethodUnary =>
    method.methodKind === "unary" && method.input.fields.some(({ name }) => name === "validate_only"),
);
const keyOf = ({ parent, name }: (typeof METHODS)[number]): string => `${parent.name}/${name}`;

test("every method that can be tried beforehand is held to it here", () => {
  expect(Object.keys(CASES).sort()).toEqual(METHODS.map(keyOf).sort());
});

async function call(key: string, request: JsonObject): Promise<JsonObject> {
  const method = METHODS.find((one) => keyOf(one) === key) ?? expect.fail(key);
  const input = fromJson(method.input, request);
  const answer = await plane.transport.unary(
    method,
    undefined,
    undefined,
    undefined,
    input as MessageInitShape<DescMessage>,
  );
  return toJson(method.output, answer.message) as JsonObject;
}

/** Without what only the thing itself has: its id and etag, and when it was made. */
function foretellable(answer: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) =>
      ["id", "etag", "createdAt", "asOf"].includes(key) ? undefined : value,
    ),
  ) as JsonObject;
}

const errorOf = async (asked: Promise<unknown>) => {
  const error = ConnectError.from(
    await asked.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  return {
    grpc: error.code,
    message: error.rawMessage,
    code: detail?.code,
    field: detail?.field,
    nextStep: detail?.nextStep,
  };
};

test.each(Object.entries(CASES))(
  "%s with validate_only changes no row of any table, and then does what it foretold",
  async (key, { prepare, request, refused: [bad, code] }) => {
    await prepare?.();
    await rig.pass(300);
    const isNamed = METHODS.find((one) => keyOf(one) === key)?.input.fields.some(({ name }) => name === "request_id");
    const wish = isNamed === true ? { ...request, requestId: randomUUID() } : request;
    const before = await everything();
    const foretold = await call(key, { ...wish, validateOnly: true });
    const refusal = await errorOf(call(key, { ...bad, validateOnly: true }));
    await rig.settle();
    expect(await everything()).toEqual(before);
    expect(refusal.code).toBe(code);
    expect(await errorOf(call(key, bad))).toEqual(refusal);
    const done = await call(key, wish);
    expect(foretellable(foretold)).toEqual(foretellable(done));
    expect(await everything()).not.toEqual(before);
    // What is foretold is not yet there: neither an id nor an etag is made up.
    expect(JSON.stringify(foretold)).not.toContain('"etag"');
  },
);

test("over REST a removal is tried by its query", async () => {
  await make("kept");
  const answer = await fetch(`${plane.plane.url}/api/v1/containers/kept?validateOnly=true`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${plane.token}` },
  });
  expect([answer.status, await answer.json()]).toMatchObject([
    200,
    { container: { desiredState: "DESIRED_STATE_REMOVED" } },
  ]);
  const containers = createClient(ContainerService, plane.transport);
  expect((await containers.getContainer({ id: "kept" })).container?.desiredState).toBe(DesiredState.RUNNING);
});

test("a container that would find no node is foretold so, with the reason", async () => {
  const request = web("nowhere", { constraints: ["zone=mars"] });
  const foretold = await call("ContainerService/CreateContainer", { ...request, validateOnly: true });
  expect(foretold["container"]).toMatchObject({
    status: "CONTAINER_STATUS_UNPLACED",
    statusReason: expect.stringContaining("zone"),
  });
  expect(foretellable(foretold)).toEqual(foretellable(await call("ContainerService/CreateContainer", request)));
});

test("who may not do it is denied in a trial as well, and that is all that is written down", async () => {
  const access = createClient(AccessService, plane.transport);
  await access.createRole({ name: "editor", grants: ["container:view", "container:update"] });
  const { secret } = await access.createToken({ name: "editor", role: "editor" });
  await make("mine", { createStopped: true });
  const containers = createClient(ContainerService, bearerTransport(plane.plane.url, secret));
  const before = await everything();
  const { code } = await errorOf(
    containers.updateContainer({ id: "mine", type: ContainerType.HA, validateOnly: true }),
  );
  expect(code).toBe("permission_denied");
  const after = await everything();
  const changed = Object.keys(after).filter((table) => after[table] !== before[table]);
  expect(changed).toEqual(["public.audit_entry"]);
  const { entries } = await createClient(AuditService, plane.transport).listAuditEntries({});
  expect(entries[0]).toMatchObject({
    method: "ContainerService/UpdateContainer",
    objectName: "mine",
    outcome: "permission_denied",
  });
});
