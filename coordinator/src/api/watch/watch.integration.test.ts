import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ContainerStatus, MigrationStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  type Change,
  ContainerService,
  EventService,
  MigrationService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NODE_1_ID } from "../../store/test-fleet.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "../public-plane-rig.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const headers = (): Record<string, string> => ({ authorization: `Bearer ${rig.token}` });
const containers = () => createClient(ContainerService, createGrpcTransport({ baseUrl: rig.plane.url }));

/** Watches until `enough` says so; resolves with every change. */
async function watch(after: bigint, enough: (changes: readonly Change[]) => boolean): Promise<Change[]> {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: rig.plane.url }));
  const abort = new AbortController();
  const changes: Change[] = [];
  for await (const { message } of client.watch({ after }, { headers: headers(), signal: abort.signal })) {
    if (message.case === "change") changes.push(message.value);
    if (enough(changes)) break;
  }
  return changes;
}

test("list, then watch from its as_of: nothing is missed or seen twice while others write and the stream breaks", async () => {
  const names = Array.from({ length: 60 }, (_, index) => `c-${String(index).padStart(2, "0")}`);
  const writers = [0, 1, 2].map(async (lane) => {
    for (const [index, name] of names.entries()) {
      if (index % 3 === lane) await containers().createContainer({ name, eggId: "hello-http" }, { headers: headers() });
    }
  });
  await expect
    .poll(async () => (await containers().listContainers({}, { headers: headers() })).containers.length)
    .toBeGreaterThan(3);
  const list = await containers().listContainers({ pageSize: 1_000 }, { headers: headers() });
  const known = new Map(list.containers.map((container) => [container.name, container.asOf]));
  let position = list.asOf;
  while (known.size < names.length) {
    // Each round reads a few changes, then drops the stream in the middle.
    const round = await watch(
      position,
      (changes) => changes.length >= 4 || known.size + changes.length >= names.length,
    );
    for (const { event, container } of round) {
      expect(event?.sequence).toBe(position + 1n);
      position = event?.sequence ?? 0n;
      expect(container?.id).toBe(event?.containerId);
      expect(container?.asOf).toBeGreaterThanOrEqual(position);
      expect(known.has(container?.name ?? "")).toBe(false);
      known.set(container?.name ?? "", container?.asOf ?? 0n);
    }
  }
  await Promise.all(writers);
  expect([...known.keys()].sort()).toEqual(names);
});

test("a migration is seen the same by watch, list, history and the container", async () => {
  const made = await containers().createContainer(
    { name: "mover", eggId: "hello-http", type: 2 },
    { headers: headers() },
  );
  const id = made.container?.id ?? "";
  expect(made.container?.failoverBoundMs).toBe(0);
  await rig.fleet.place(id, NODE_1_ID, 20_001);
  const { asOf } = await containers().listContainers({}, { headers: headers() });
  const watching = watch(asOf, (changes) => changes.length === 1);
  const { migration } = await containers().migrateContainer(
    { id: "mover", targetNode: "node-2" },
    { headers: headers() },
  );
  const [change] = await watching;
  expect(change).toMatchObject({
    event: { type: "migration.started" },
    container: {
      status: ContainerStatus.MIGRATING,
      migrationStatus: MigrationStatus.MIGRATING,
      nodeName: "node-1",
      endpoints: [{ name: "http", address: "127.0.1.1", port: 20_001, protocol: "tcp" }],
    },
    migration: { id: migration?.id, sourceNodeName: "node-1", targetNodeName: "node-2", state: "choosing" },
  });
  expect(change?.container?.failoverBoundMs).toBeGreaterThan(5_000);
  const history = await containers().listMigrationHistory({ id: "mover" }, { headers: headers() });
  expect(history.migrations.map((entry) => entry.id)).toEqual([migration?.id]);
  const migrations = createClient(MigrationService, createGrpcTransport({ baseUrl: rig.plane.url }));
  const active = await migrations.listMigrations({ activeOnly: true }, { headers: headers() });
  expect(active.migrations.map((entry) => entry.id)).toEqual([migration?.id]);
});

test("pages of a list are stable and complete", async () => {
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await containers().listContainers({ pageSize: 7, pageToken }, { headers: headers() });
    expect(page.containers.length).toBeLessThanOrEqual(7);
    seen.push(...page.containers.map((container) => container.name));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(seen).toEqual([...new Set(seen)].sort());
  expect(seen).toHaveLength(61);
});

test("events are listed oldest first, the newest page on wish, for one container on wish", async () => {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: rig.plane.url }));
  const first = await client.listEvents({ pageSize: 2 }, { headers: headers() });
  expect(first.events.map((event) => event.sequence)).toEqual([1n, 2n]);
  const latest = await client.listEvents({ pageSize: 2, latest: true }, { headers: headers() });
  expect(latest.events.map((event) => event.sequence)).toEqual([latest.asOf - 1n, latest.asOf]);
  const mover = await client.listEvents({ container: "mover" }, { headers: headers() });
  expect(mover.events.map((event) => event.type)).toEqual(["container.created", "migration.started"]);
  const none = await client.listEvents({ after: 18446744073709551615n }, { headers: headers() });
  expect(none.events).toEqual([]);
});
