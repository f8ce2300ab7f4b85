import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { ContainerType, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ClusterService, ContainerService, EggService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { helloHttp } from "../eggs/builtin/hello-http.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "./runtime-plane-rig.ts";

// The public plane on a real runtime with a real PostgreSQL; only the agents are simulated, and say what they found an image to be.
const image = "registry.example.org/team/app:v1";
const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const egg = (id: string, of: string) => ({ meta: { version: "LORMAS_v1" }, ...helloHttp, id, image: of });

let rig: FleetRig;
let plane: RuntimePlaneRig;
let containers: Client<typeof ContainerService>;
/** What was ordered of images, such as "start …/app:v1 ask". */
let ordered: string[];

beforeEach(async () => {
  rig = await fleetRig(2);
  plane = await startRuntimePlaneRig(rig);
  containers = createClient(ContainerService, plane.transport);
  const eggs = createClient(EggService, plane.transport);
  for (const one of [egg("imaged", image), egg("bare", "")]) await eggs.importEgg({ content: JSON.stringify(one) });
  ordered = [];
  rig.agents.failing = (_, { action }) => {
    if (action.kind === "prepare" || action.kind === "start") {
      ordered.push(`${action.kind} ${action.workload.spec.image}${action.workload.askRegistry ? " ask" : ""}`);
    }
    return null;
  };
});
afterEach(async () => {
  await plane.close();
  await rig.close();
});

const make = async (eggId = "imaged") => {
  const resources = { cpuMillis: 100, memoryBytes: 16_777_216n };
  await containers.createContainer({ name: "web", eggId, type: ContainerType.HA, resources });
  await rig.pass(300);
};
const show = async () => {
  const { container } = await containers.getContainer({ id: "web" });
  return container ?? expect.fail("it is gone");
};
const events = async (): Promise<string[]> =>
  (
    await rig.database.database.orm.em
      .fork()
      .execute<{ message: string }[]>("select message from event where type like 'container.image%' order by sequence")
  ).map(({ message }) => message);
const restart = async () => {
  await containers.restartContainer({ id: "web" });
  await rig.pass(3_000);
};
const byDigest = `registry.example.org/team/app@${digest("a")}`;

test("an image is what its first start found, after a migration, a failover and a restart of the coordinator", async () => {
  rig.agents.found = { digest: digest("a"), note: "" };
  await make();
  expect(await show()).toMatchObject({ image, imageDigest: digest("a"), imageNote: "" });
  // The tag moves on, and another node would find another image.
  rig.agents.found = { digest: digest("b"), note: "" };
  await containers.migrateContainer({ id: "web" });
  await rig.pass(3_000);
  await rig.restart();
  for (const id of rig.nodeIds) await rig.agents.connect(id);
  const { nodeId } = await show();
  rig.agents.powerOff(nodeId);
  await rig.pass(60_000);
  expect((await show()).nodeId).not.toBe(nodeId);
  expect(ordered).toEqual([
    `start ${image}`,
    ...[`prepare ${byDigest}`, `start ${byDigest}`],
    ...[`prepare ${byDigest}`, `start ${byDigest}`],
  ]);
  expect((await show()).imageDigest).toBe(digest("a"));
  expect(await events()).toEqual([`web runs ${image} as ${digest("a")}`]);
});

test("what the name stands for now is run once somebody asks for it, and what is here where the registry cannot be asked", async () => {
  rig.agents.found = { digest: digest("a"), note: "" };
  await make();
  await containers.updateContainer({ id: "web", pullImage: true });
  expect((await show()).imageNote).toContain("its next start asks the registry");
  rig.agents.found = { digest: digest("b"), note: "" };
  await restart();
  expect(await show()).toMatchObject({ imageDigest: digest("b"), imageNote: "" });
  await containers.updateContainer({ id: "web", pullImage: true });
  rig.agents.found = { digest: digest("b"), note: "its registry could not be asked: no route" };
  await restart();
  expect(await show()).toMatchObject({ imageDigest: digest("b"), imageNote: expect.stringContaining("no route") });
  await restart();
  expect(ordered).toEqual([
    `start ${image}`,
    ...[`start ${image} ask`, `start ${image} ask`],
    `start registry.example.org/team/app@${digest("b")}`,
  ]);
  expect((await events()).map((one) => one.slice(-24))).toEqual([
    "a".repeat(24),
    "b".repeat(24),
    expect.stringContaining("no route"),
  ]);
});

test("where images float each start asks, and no migration does", async () => {
  rig.agents.found = { digest: digest("a"), note: "" };
  const clusters = createClient(ClusterService, plane.transport);
  const { cluster } = await clusters.updateCluster({ id: "local", floatingImages: true });
  expect(cluster?.floatingImages).toBe(true);
  await make();
  await containers.migrateContainer({ id: "web" });
  await rig.pass(3_000);
  await restart();
  expect(ordered).toEqual([`start ${image} ask`, `prepare ${image}`, `start ${image}`, `start ${image} ask`]);
  expect(await show()).toMatchObject({ imageDigest: digest("a"), imageNote: expect.stringContaining("images float") });
});

test("why an image is not pinned is said, and what has none cannot be asked for another", async () => {
  rig.agents.found = { digest: "", note: "not pinned: it was loaded or built on its node" };
  await make();
  expect(await show()).toMatchObject({ imageDigest: "", imageNote: "not pinned: it was loaded or built on its node" });
  await containers.deleteContainer({ id: "web" });
  await rig.pass(3_000);
  await make("bare");
  const error = await containers.updateContainer({ id: "web", pullImage: true }).catch((thrown: unknown) => thrown);
  const [detail] = ConnectError.from(error).findDetails(ErrorDetailSchema);
  expect(detail).toMatchObject({ code: "invalid_argument", field: "pull_image", message: "web has no image" });
});
