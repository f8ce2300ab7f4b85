import { randomUUID } from "node:crypto";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { haContainer } from "@lormas/coordinator/runtime/fleet-rig.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { seedFirstCluster } from "@lormas/coordinator/store/seed-first-cluster.ts";
import { completePolicy } from "@lormas/lease/lease-policy.ts";
import pg from "pg";
import { benchDatabase, benchPostgres, benchRuntime, enrolNode } from "../fleet/seeded-fleet.ts";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";

/** Nobody beats here, and nobody is missed: leases of an hour. */
const POLICY = completePolicy({
  profile: "custom",
  intervalMs: 1_000,
  leaseMs: 3_600_000,
  killMs: 1_000,
  unhealthyMs: 3_600_000,
});
const RUNS_MS = 20_000;
const CONTAINER = "bench-template";

/**
 * A database with so many nodes and containers that run on them, evenly. One of each was decided by the product; the others are
 * copies of its rows under names and ids of their own. The URL.
 */
export async function storedFleet(part: BenchRun, nodes: number, containers: number): Promise<string> {
  if (nodes < 2)
    throw new Error("a stored fleet has a node for the template and one for the others: --nodes 2 or more");
  const url = await benchPostgres(part);
  const template = await part.part((seeding) => decidedTemplate(seeding, url));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await copy(client, template, nodes, containers);
  } finally {
    await client.end();
  }
  return url;
}

type Template = { readonly nodeId: string; readonly nodeName: string; readonly containerId: string };

async function decidedTemplate(part: BenchRun, url: string): Promise<Template> {
  const database = await benchDatabase(part, url);
  const clusterId = randomUUID();
  await seedFirstCluster(
    database,
    { clusterName: "local", profile: "default" },
    { newId: () => clusterId, wallMs: systemClock.wallMs },
  );
  await database.orm.em.fork().execute("update cluster set policy = ?", [JSON.stringify(POLICY)]);
  const agents = new FakeAgents(systemClock);
  const runtime = await benchRuntime(part, database, agents);
  const nodeId = await enrolNode({ number: 1, clusterId, database, runtime }, "");
  const capacity = { cpuMillis: 64_000, memoryBytes: 256 * 2 ** 30, diskBytes: 2 ** 42 };
  await agents.connect(nodeId, { capacity, portPoolMax: 29_999 });
  const { containerId } = await runtime.operations.createContainer(haContainer(CONTAINER), "bench");
  await until("the container runs", RUNS_MS, () => {
    return runtime.state.container(containerId)?.snapshot.value.life === "running";
  });
  const nodeName = runtime.state.node(nodeId)?.facts.name ?? "";
  return { nodeId, nodeName, containerId };
}

/** Node 1 is the template; every other row's id follows from its number. */
async function copy(client: pg.Client, template: Template, nodes: number, containers: number): Promise<void> {
  const { nodeId, nodeName, containerId } = template;
  // The record is made once a row, beside it: `(made).*` would make it once a column.
  const copied = (table: string, change: string, where: string, numbers: string) => `
    insert into ${table} select made.* from ${table} row cross join ${numbers}
    cross join lateral jsonb_populate_record(null::${table}, to_jsonb(row) || jsonb_build_object(${change})) made
    where ${where}`;
  const nodeNumbers = `(select n, md5('node-' || n)::uuid as id from generate_series(2, ${nodes}) n) copy`;
  const node = [nodeId];
  await client.query(copied("node", "'id', copy.id, 'name', 'node-' || copy.n", "row.id = $1", nodeNumbers), node);
  await client.query(
    `insert into actor_snapshot
     select kind, copy.id, machine_version,
       replace(replace(snapshot::text, '${nodeId}', copy.id::text), '"${nodeName}"', '"node-' || copy.n || '"')::jsonb, updated_at
     from actor_snapshot row, ${nodeNumbers} where row.id = $1`,
    node,
  );
  await client.query(
    `insert into node_health (node_id, status, last_heartbeat_at, updated_at)
     select id, 'healthy', now(), now() from node on conflict do nothing`,
  );
  // The template's own container stays where it is, so that its ports are nobody else's.
  const containerNumbers = `
    (select n, md5('container-' || n)::uuid as id, 'web-' || lpad(n::text, 7, '0') as name, n / ${nodes - 1} as round,
       md5('node-' || (2 + n % ${nodes - 1}))::uuid as node_id
     from generate_series(1, ${containers - 1}) n) copy`;
  const holder = [containerId];
  await client.query(
    copied("container", "'id', copy.id, 'name', copy.name, 'node_id', copy.node_id", "row.id = $1", containerNumbers),
    holder,
  );
  await client.query(
    `insert into actor_snapshot
     select kind, copy.id, machine_version,
       replace(replace(replace(snapshot::text, '${containerId}', copy.id::text), '${nodeId}', copy.node_id::text),
         '"${CONTAINER}"', '"' || copy.name || '"')::jsonb, updated_at
     from actor_snapshot row, ${containerNumbers} where row.id = $1`,
    holder,
  );
  const held = "'container_id', copy.id, 'node_id', copy.node_id";
  await client.query(copied("reservation", held, "row.container_id = $1", containerNumbers), holder);
  await client.query(
    copied(
      "port_reservation",
      `${held}, 'host_port', row.host_port + copy.round`,
      "row.container_id = $1",
      containerNumbers,
    ),
    holder,
  );
  await client.query("vacuum analyze");
}
