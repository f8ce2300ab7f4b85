// How fast a coordinator decides, on an embedded PostgreSQL that really syncs: containers created at once, the same
// containers' commands and results included, and the evacuation of a dead node. Agents are simulated and answer at once,
// so the figures are the coordinator's alone. Run: npm run bench -- [--nodes 20] [--containers 500] [--json FILE]
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { haContainer } from "@lormas/coordinator/runtime/fleet-rig.ts";
import { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { PostgresDecisionStore } from "@lormas/coordinator/store/decisions/postgres-decision-store.ts";
import { startEmbeddedPostgres } from "@lormas/coordinator/store/embedded/embedded-postgres.ts";
import { JoinTokenStore } from "@lormas/coordinator/store/join-token-store.ts";
import { openDatabase } from "@lormas/coordinator/store/open-database.ts";
import { seedFirstCluster } from "@lormas/coordinator/store/seed-first-cluster.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "20" },
    containers: { type: "string", default: "500" },
    json: { type: "string" },
  },
});
const nodeCount = Number(values.nodes);
const containerCount = Number(values.containers);
const BEAT_MS = 100;

const folder = mkdtempSync(join(tmpdir(), "lormas-bench-"));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "postgres"), log: silentLog });
const database = await openDatabase({ url: postgres.url, log: silentLog });
const clusterId = randomUUID();
await seedFirstCluster(
  database,
  { clusterName: "local", profile: "lan" },
  { newId: () => clusterId, wallMs: systemClock.wallMs },
);
const agents = new FakeAgents(systemClock);
const runtime = new FleetRuntime({
  store: new PostgresDecisionStore(database),
  link: agents,
  clock: systemClock,
  log: silentLog,
  newId: randomUUID,
  instance: "bench",
  leaderTtlMs: 15_000,
});
agents.use(runtime.intake);
await runtime.start();
const beats = setInterval(() => {
  for (const node of agents.nodes.values()) if (node.attached) agents.beat(node.nodeId);
}, BEAT_MS);

try {
  const nodeIds = await enrol();
  const created = await createAll();
  const evacuated = await evacuate(nodeIds[0] ?? "");
  const rows = [...created, ...evacuated];
  process.stdout.write(`${nodeCount} nodes, ${containerCount} containers, ${cpus().length} cores\n`);
  for (const { what, value, unit } of rows)
    process.stdout.write(`  ${what.padEnd(52)} ${String(value).padStart(9)} ${unit}\n`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ nodeCount, containerCount, rows }, null, 2)}\n`);
} finally {
  clearInterval(beats);
  await runtime.stop();
  await database.close();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

type Row = { readonly what: string; readonly value: number; readonly unit: string };

async function enrol(): Promise<string[]> {
  const tokens = new JoinTokenStore(database);
  const nodeIds: string[] = [];
  for (let number = 1; number <= nodeCount; number++) {
    const [nodeId, tokenHash, createdAtMs] = [randomUUID(), `hash-${number}`, systemClock.wallMs()];
    await tokens.create({
      secretHash: tokenHash,
      clusterId,
      createdBy: "bench",
      createdAtMs,
      expiresAtMs: createdAtMs + 600_000,
    });
    const name = `node-${number}`;
    await runtime.operations.enrolNode({ nodeId, name, agentVersion: "bench", tokenHash, certificateSerial: "" });
    await agents.connect(nodeId, {
      capacity: { cpuMillis: 1e6, memoryBytes: 1e12, diskBytes: 1e12 },
      portPoolMax: 60_000,
    });
    nodeIds.push(nodeId);
  }
  return nodeIds;
}

async function createAll(): Promise<Row[]> {
  const begun = performance.now();
  const acknowledgedMs: number[] = [];
  await Promise.all(
    Array.from({ length: containerCount }, async (_, index) => {
      await runtime.operations.createContainer(haContainer(`c-${index}`), "bench");
      acknowledgedMs.push(performance.now() - begun);
    }),
  );
  await until(() => countRunning() === containerCount);
  const tookMs = performance.now() - begun;
  return [
    { what: "create: all acknowledged (committed)", value: Math.round(Math.max(...acknowledgedMs)), unit: "ms" },
    { what: "create: all running", value: Math.round(tookMs), unit: "ms" },
    { what: "create: containers to running", value: Math.round((containerCount / tookMs) * 1_000), unit: "/s" },
  ];
}

async function evacuate(nodeId: string): Promise<Row[]> {
  const victims = runtime.state.room(nodeId).holders.size;
  agents.powerOff(nodeId);
  const begun = performance.now();
  await until(() => runtime.state.node(nodeId)?.snapshot.value === "dead");
  const deadMs = performance.now();
  await until(() => countRunning() === containerCount);
  return [
    { what: "dead node: containers to move", value: victims, unit: "" },
    { what: "dead node: declared after (profile lan)", value: Math.round(deadMs - begun), unit: "ms" },
    {
      what: "dead node: last one runs after the declaration",
      value: Math.round(performance.now() - deadMs),
      unit: "ms",
    },
  ];
}

function countRunning(): number {
  let count = 0;
  for (const { snapshot } of runtime.state.containers()) if (snapshot.value.life === "running") count++;
  return count;
}

async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + 120_000;
  while (!condition()) {
    if (performance.now() > limit) throw new Error("what was waited for did not come within 120 s");
    await pause(2);
  }
}
