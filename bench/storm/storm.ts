import { setTimeout as pause } from "node:timers/promises";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import pg from "pg";
import { AgentHerd } from "../fleet/agent-herd.ts";
import { CoordinatorProcess } from "../fleet/coordinator-process.ts";
import { EchoServer } from "../fleet/echo-server.ts";
import { type SeededFleet, seedFleet } from "../fleet/seeded-fleet.ts";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import type { LinePlot } from "../frame/line-plot.ts";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import { atMost, beside, type Findings, type Row, type Section } from "../frame/section.ts";

const PROFILE = "large";
const { intervalMs } = LEASE_PROFILES[PROFILE];
/** Until all nodes vote and have held their leases for longer than W. */
const SETTLE_MS = 15_000;
/** Beside the processes of the agents two cores make about 50 handshakes a second. */
const GATHER_MS = 600_000;
/** Watched after the last one is back, longer than W: whoever was forgotten is noticed by then. */
const WATCHED_MS = 15_000;
/** Events that say that a node is down; here every one of them is false. */
const DOWN = ["node.unhealthy", "node.dead"];

type Storm = {
  readonly agents: number;
  /** From the kill until the last agent is acknowledged again. */
  readonly backMs: number;
  readonly readyMs: number;
  readonly echoBackMs: number;
  readonly down: number;
  readonly unwell: number;
};

export const storm: Section = {
  name: "storm",
  measures:
    "a coordinator is killed while N agents are connected, and started again at once: seconds until the last agent is " +
    "acknowledged again, each dialling as one does that runs HA containers, against a bare grpc-js server killed and started alike; and the nodes that were called down, " +
    "which all were not",
  run: stormRun,
};

async function stormRun(bench: BenchRun): Promise<Findings> {
  const all: Storm[] = [];
  for (const agents of bench.sizes.agents) all.push(await bench.part((part) => stormOf(part, agents)));
  return { rows: all.flatMap(rowsOf), plots: [plotOf(all)] };
}

async function stormOf(part: BenchRun, agents: number): Promise<Storm> {
  part.say(`${agents} agents: enrolling`);
  const fleet = await seedFleet(part, agents, PROFILE);
  const echoBackMs = await part.part((alone) => echoStorm(alone, fleet));
  return await part.part(async (alone) => ({ agents, echoBackMs, ...(await coordinatorStorm(alone, fleet)) }));
}

async function coordinatorStorm(
  part: BenchRun,
  fleet: SeededFleet,
): Promise<Pick<Storm, "backMs" | "readyMs" | "down" | "unwell">> {
  const coordinator = new CoordinatorProcess(part, fleet);
  await coordinator.start();
  const herd = AgentHerd.start(
    part,
    { ...coordinator.agentsAt, caPem: fleet.authority.caPem },
    fleet.agents,
    intervalMs,
  );
  await herd.gathered(GATHER_MS);
  await until("every node is healthy", GATHER_MS, async () => (await unwellOf(fleet)) === 0, 500);
  await pause(SETTLE_MS);
  const newest = await newestEvent(fleet);
  const lostBefore = herd.lost;
  const killedMs = monotonicMs();
  await coordinator.end("SIGKILL");
  const readyMs = await coordinator.start();
  const backMs = await back(herd, killedMs, lostBefore);
  part.say(`${herd.size} agents: back after ${(backMs / 1_000).toFixed(2)} s, ${herd.lost} connections lost`);
  await pause(WATCHED_MS);
  const { rows } = await query<{ count: string }>(
    fleet,
    "select count(*) from event where sequence > $1 and type = any($2)",
    [newest, DOWN],
  );
  return { backMs, readyMs, down: Number(rows[0]?.count ?? 0), unwell: await unwellOf(fleet) };
}

async function echoStorm(part: BenchRun, fleet: SeededFleet): Promise<number> {
  const echo = await EchoServer.prepare(part, fleet.authority, LEASE_PROFILES[PROFILE]);
  await echo.start();
  const herd = AgentHerd.start(part, { ...echo.agentsAt, caPem: fleet.authority.caPem }, fleet.agents, intervalMs);
  await herd.gathered(GATHER_MS);
  const lostBefore = herd.lost;
  const killedMs = monotonicMs();
  await echo.end("SIGKILL");
  await echo.start();
  return await back(herd, killedMs, lostBefore);
}

/** Milliseconds from the kill until every agent has an acknowledgement of the new process. */
async function back(herd: AgentHerd, killedMs: number, lostBefore: number): Promise<number> {
  await until("the herd has noticed", GATHER_MS, () => herd.lost - lostBefore >= herd.size, 20);
  await herd.gathered(GATHER_MS);
  return herd.lastServedMs - killedMs;
}

async function unwellOf(fleet: SeededFleet): Promise<number> {
  const { rows } = await query<{ count: string }>(fleet, "select count(*) from node where status <> 'healthy'", []);
  return Number(rows[0]?.count ?? 0);
}

async function newestEvent(fleet: SeededFleet): Promise<number> {
  const { rows } = await query<{ newest: string | null }>(fleet, "select max(sequence) as newest from event", []);
  return Number(rows[0]?.newest ?? 0);
}

async function query<Found extends pg.QueryResultRow>(fleet: SeededFleet, text: string, values: readonly unknown[]) {
  const client = new pg.Client({ connectionString: fleet.databaseUrl });
  await client.connect();
  try {
    return await client.query<Found>(text, [...values]);
  } finally {
    await client.end();
  }
}

function rowsOf({ agents, backMs, readyMs, echoBackMs, down, unwell }: Storm): Row[] {
  const name = (figure: string): string => `${agents.toLocaleString("en")} agents: ${figure}`;
  const seconds = (ms: number): number => ms / 1_000;
  return [
    beside(name("from the kill until the last is back"), seconds(backMs), "s", {
      name: "bare grpc-js",
      value: seconds(echoBackMs),
    }),
    beside(name("of that, until the coordinator serves"), seconds(readyMs), "s", {
      name: "until the last is back",
      value: seconds(backMs),
    }),
    atMost(name("nodes called down, falsely"), down, "", 0),
    atMost(name(`nodes not healthy ${seconds(WATCHED_MS)} s later`), unwell, "", 0),
  ];
}

function plotOf(all: readonly Storm[]): LinePlot {
  return {
    name: "storm",
    title: "Until the last agent is back after a coordinator was killed",
    xLabel: "agents",
    yLabel: "seconds",
    series: [
      { name: "coordinator", points: all.map(({ agents, backMs }) => ({ x: agents, y: backMs / 1_000 })) },
      {
        name: "bare grpc-js server",
        points: all.map(({ agents, echoBackMs }) => ({ x: agents, y: echoBackMs / 1_000 })),
      },
    ],
  };
}
