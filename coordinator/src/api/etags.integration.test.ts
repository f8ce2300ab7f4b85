import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  ClusterService,
  ContainerService,
  EggService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { helloHttp } from "../eggs/builtin/hello-http.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated.
let rig: FleetRig;
let plane: RuntimePlaneRig;
let containers: Client<typeof ContainerService>;
let clusters: Client<typeof ClusterService>;
let nodes: Client<typeof NodeService>;
let access: Client<typeof AccessService>;
let eggs: Client<typeof EggService>;

beforeEach(async () => {
  rig = await fleetRig(2);
  plane = await startRuntimePlaneRig(rig);
  connect();
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});
const connect = (): void => {
  containers = createClient(ContainerService, plane.transport);
  clusters = createClient(ClusterService, plane.transport);
  nodes = createClient(NodeService, plane.transport);
  access = createClient(AccessService, plane.transport);
  eggs = createClient(EggService, plane.transport);
};
const refused = async (call: Promise<unknown>): Promise<void> => {
  const error = ConnectError.from(
    await call.then(
      () => expect.fail("it was granted"),
      (thrown: unknown) => thrown,
    ),
  );
  const [detail] = error.findDetails(ErrorDetailSchema);
  expect([error.code, detail?.code, detail?.field]).toEqual([Code.Aborted, "etag_mismatch", "etag"]);
};
const egg = (description: string): string =>
  JSON.stringify({ meta: { version: "LORMAS_v1" }, ...helloHttp, id: "mine", description });
const web = { name: "web", eggId: "hello-http", type: ContainerType.HA, resources: { cpuMillis: 100 } };

type Thing = {
  readonly etag: () => Promise<string>;
  /** A change that differs with its number, and what can be seen of it. */
  readonly change: (number: number, etag: string) => Promise<unknown>;
  readonly seen: () => Promise<unknown>;
  readonly remove?: (etag: string) => Promise<unknown>;
};
const things: Readonly<Record<string, () => Promise<Thing>>> = {
  container: async () => {
    await containers.createContainer({ ...web, createStopped: true });
    const get = async () => (await containers.getContainer({ id: "web" })).container ?? expect.fail();
    return {
      etag: async () => (await get()).etag,
      change: (number, etag) =>
        containers.updateContainer({ id: "web", setEnvironment: { GREETING: `n${number}` }, etag }),
      seen: async () => (await get()).environment,
      remove: (etag) => containers.deleteContainer({ id: "web", etag }),
    };
  },
  cluster: async () => {
    await clusters.createCluster({ name: "hall-2" });
    const get = async () => (await clusters.getCluster({ id: "hall-2" })).cluster ?? expect.fail();
    return {
      etag: async () => (await get()).etag,
      change: (number, etag) => clusters.updateCluster({ id: "hall-2", description: `n${number}`, etag }),
      seen: async () => (await get()).description,
      remove: (etag) => clusters.deleteCluster({ id: "hall-2", etag }),
    };
  },
  node: async () => {
    const [node] = (await nodes.listNodes({})).nodes;
    const id = node?.id ?? expect.fail();
    const get = async () => (await nodes.getNode({ id })).node ?? expect.fail();
    return {
      etag: async () => (await get()).etag,
      change: (number, etag) => nodes.updateNode({ id, setLabels: { zone: `n${number}` }, etag }),
      seen: async () => (await get()).labels,
    };
  },
  role: async () => {
    await access.createRole({ name: "crew", grants: ["container:view"] });
    const get = async () => (await access.getRole({ name: "crew" })).role ?? expect.fail();
    const grants = ["container:view"];
    return {
      etag: async () => (await get()).etag,
      change: (number, etag) => access.updateRole({ name: "crew", description: `n${number}`, grants, etag }),
      seen: async () => (await get()).description,
      remove: (etag) => access.deleteRole({ name: "crew", etag }),
    };
  },
  egg: async () => {
    await eggs.importEgg({ content: egg("n0") });
    const get = async () => (await eggs.getEgg({ id: "mine" })).egg ?? expect.fail();
    return {
      etag: async () => (await get()).etag,
      change: (number, etag) => eggs.importEgg({ content: egg(`n${number}`), replace: true, etag }),
      seen: async () => (await get()).description,
      remove: (etag) => eggs.deleteEgg({ id: "mine", etag }),
    };
  },
};

test.each(Object.keys(things))(
  "of a %s a stale etag changes nothing, a present one does, and gives another",
  async (kind) => {
    const thing = (await things[kind]?.()) ?? expect.fail();
    const first = await thing.etag();
    expect(first).toMatch(/^[0-9a-f]{24}$/);
    await thing.change(1, first);
    const second = await thing.etag();
    expect(second).not.toBe(first);
    const seen = await thing.seen();
    await refused(thing.change(2, first));
    expect([await thing.etag(), await thing.seen()]).toEqual([second, seen]);
    await thing.change(3, `"${second}"`);
    // Without one, whatever it is.
    await thing.change(4, "");
    if (!thing.remove) return;
    await refused(thing.remove(second));
    await thing.remove(await thing.etag());
  },
);

test.each(Object.keys(things))("of many changes of a %s under one etag exactly one is done", async (kind) => {
  const thing = (await things[kind]?.()) ?? expect.fail();
  const etag = await thing.etag();
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, number) => thing.change(number + 1, etag)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const one of outcomes) if (one.status === "rejected") await refused(Promise.reject(one.reason));
});

test("an etag outlives what a thing does, and the coordinator", async () => {
  await containers.createContainer({ ...web, secretEnvironment: { GREETING: "hidden" } });
  const etags = async () => [
    (await containers.getContainer({ id: "web" })).container?.etag,
    (await clusters.getCluster({ id: "local" })).cluster?.etag,
    ...(await nodes.listNodes({})).nodes.map((node) => node.etag),
  ];
  const before = await etags();
  await rig.pass(300);
  await containers.migrateContainer({ id: "web" });
  await rig.pass(300);
  expect(await etags()).toEqual(before);
  await rig.restart();
  await plane.close();
  plane = await startRuntimePlaneRig(rig);
  connect();
  expect(await etags()).toEqual(before);
  // And the decision sees it as the answer has it.
  await clusters.updateCluster({ id: "local", description: "x", etag: before[1] ?? expect.fail() });
  await containers.updateContainer({ id: "web", crashesBeforeMove: 5, etag: before[0] ?? expect.fail() });
});

test("over REST a stale etag is 412", async () => {
  await containers.createContainer({ ...web, createStopped: true });
  const answer = await fetch(`${plane.plane.url}/api/v1/containers/web`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${plane.token}`, "content-type": "application/json" },
    body: JSON.stringify({ crashesBeforeMove: 5, etag: "stale" }),
  });
  expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
    412,
    "etag_mismatch",
  ]);
});

test("an update of a role changes what its mask names, and refuses another name", async () => {
  await access.createRole({ name: "crew", description: "on board", grants: ["container:view"], includes: ["viewer"] });
  await access.updateRole({ name: "crew", description: "ashore", updateMask: ["description"] });
  const role = (await access.getRole({ name: "crew" })).role;
  expect(role).toMatchObject({ description: "ashore", grants: ["container:view"], includes: ["viewer"] });
  await expect(access.updateRole({ name: "crew", updateMask: ["name"] })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
  await access.updateRole({ name: "crew", grants: ["job:view"], updateMask: ["grants", "includes"] });
  expect((await access.getRole({ name: "crew" })).role).toMatchObject({
    ...{ description: "ashore", grants: ["job:view"], includes: [] },
  });
});
