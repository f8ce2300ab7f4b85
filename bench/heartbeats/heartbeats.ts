import { setTimeout as pause } from "node:timers/promises";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { AgentHerd, type HerdTarget } from "../fleet/agent-herd.ts";
import { CoordinatorProcess } from "../fleet/coordinator-process.ts";
import { EchoServer } from "../fleet/echo-server.ts";
import { type SeededFleet, seedFleet } from "../fleet/seeded-fleet.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import type { LinePlot, Point } from "../frame/line-plot.ts";
import { percentile } from "../frame/percentile.ts";
import { cpuSecondsOf, rssMbOf } from "../frame/process-usage.ts";
import { atMost, beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";

/** One heartbeat a second. */
const PROFILE = "large";
/** What a server may cost, as a multiple of the bare one: judged where agents, and not an empty process, are what it costs. */
const JUDGED_FROM = 1_000;
const CPU_RATIO_MAX = 1.6;
const MEMORY_RATIO_MAX = 1.8;
/** What 10,000 agents may take. */
const FULL = { agents: 10_000, cpuPercent: 100, memoryMb: 2_560 };
/** After the last agent was served: votes are settled, W has passed once, and what the handshakes left is collected. */
const SETTLE_MS = 12_000;
/** Beside the processes of the agents two cores make about 50 handshakes a second. */
const GATHER_MS = 600_000;

type Load = {
  readonly cpuPercent: number;
  readonly rssMb: number;
  readonly ackedPerSecond: number;
  readonly lost: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
};

type Compared = { readonly agents: number; readonly coordinator: Load; readonly echo: Load };

export const heartbeats: Section = {
  name: "heartbeats",
  measures:
    "CPU (of one core) and resident memory of a coordinator that serves N agents, each with its own mutual TLS connection, " +
    "heartbeat and command stream and one heartbeat a second, against a bare grpc-js server that takes and answers the " +
    "same messages over the same TLS; PostgreSQL and agents are processes of their own and not counted",
  run: heartbeatsRun,
};

async function heartbeatsRun(bench: BenchRun): Promise<Findings> {
  const all: Compared[] = [];
  for (const agents of bench.sizes.agents) all.push(await bench.part((part) => compared(part, agents)));
  return { rows: [...all.flatMap(rowsOf), ...growthOf(all)], plots: plotsOf(all) };
}

async function compared(part: BenchRun, agents: number): Promise<Compared> {
  part.say(`${agents} agents: enrolling`);
  const fleet = await seedFleet(part, agents, PROFILE);
  const echo = await part.part((alone) => echoLoad(alone, fleet));
  const coordinator = await part.part((alone) => coordinatorLoad(alone, fleet));
  return { agents, coordinator, echo };
}

async function coordinatorLoad(part: BenchRun, fleet: SeededFleet): Promise<Load> {
  const coordinator = new CoordinatorProcess(part, fleet);
  await coordinator.start();
  const load = await loadOf(part, coordinator.pid, { ...coordinator.agentsAt, caPem: fleet.authority.caPem }, fleet);
  if (coordinator.deaths > 0) throw new Error(`the coordinator has ended under the load:\n${coordinator.log()}`);
  return load;
}

async function echoLoad(part: BenchRun, fleet: SeededFleet): Promise<Load> {
  const echo = await EchoServer.prepare(part, fleet.authority, LEASE_PROFILES[PROFILE]);
  await echo.start();
  return await loadOf(part, echo.pid, { ...echo.agentsAt, caPem: fleet.authority.caPem }, fleet);
}

async function loadOf(part: BenchRun, pid: number, target: HerdTarget, fleet: SeededFleet): Promise<Load> {
  const herd = AgentHerd.start(part, target, fleet.agents, LEASE_PROFILES[PROFILE].intervalMs);
  await herd.gathered(GATHER_MS);
  await pause(SETTLE_MS);
  const begunMs = performance.now();
  const cpuBefore = cpuSecondsOf(pid);
  herd.mark();
  await pause(part.sizes.seconds * 1_000);
  const seconds = (performance.now() - begunMs) / 1_000;
  const cpuPercent = ((cpuSecondsOf(pid) - cpuBefore) / seconds) * 100;
  const rssMb = rssMbOf(pid);
  const { acknowledged, lost, tookMs } = await herd.report();
  part.say(
    `${herd.size} agents: ${cpuPercent.toFixed(1)} % of a core, ${rssMb.toFixed(0)} MB, ${lost} connections lost`,
  );
  return {
    cpuPercent,
    rssMb,
    ackedPerSecond: acknowledged / seconds,
    lost,
    ackP50Ms: percentile(tookMs, 0.5),
    ackP99Ms: percentile(tookMs, 0.99),
  };
}

function rowsOf({ agents, coordinator, echo }: Compared): Row[] {
  const name = (figure: string): string => `${agents.toLocaleString("en")} agents: ${figure}`;
  const against = (figure: string, unit: string, of: (load: Load) => number, ratioMax?: number): Row =>
    beside(
      name(figure),
      of(coordinator),
      unit,
      { name: "bare grpc-js", value: of(echo) },
      agents < JUDGED_FROM ? undefined : ratioMax,
    );
  return [
    against("CPU", "% of a core", ({ cpuPercent }) => cpuPercent, CPU_RATIO_MAX),
    against("memory", "MB", ({ rssMb }) => rssMb, MEMORY_RATIO_MAX),
    against("acknowledged heartbeats", "/s", ({ ackedPerSecond }) => ackedPerSecond),
    against("heartbeat to acknowledgement, p50", "ms", ({ ackP50Ms }) => ackP50Ms),
    against("heartbeat to acknowledgement, p99", "ms", ({ ackP99Ms }) => ackP99Ms),
    plain(name("connections lost"), coordinator.lost, ""),
    ...(agents < FULL.agents
      ? []
      : [
          atMost(name("CPU at all"), coordinator.cpuPercent, "% of a core", FULL.cpuPercent),
          atMost(name("memory at all"), coordinator.rssMb, "MB", FULL.memoryMb),
        ]),
  ];
}

/** What the last thousand agents cost against the first: 1 is straight growth. Nothing where there is no growth to see. */
function growthOf(all: readonly Compared[]): Row[] {
  const [first, second, last, beforeLast] = [all[0], all[1], all.at(-1), all.at(-2)];
  if (all.length < 3 || !first || !second || !last || !beforeLast) return [];
  const growth = (from: Compared, to: Compared, of: (load: Load) => number): number =>
    ((of(to.coordinator) - of(from.coordinator)) / (to.agents - from.agents)) * 1_000;
  const row = (figure: string, unit: string, of: (load: Load) => number): Row =>
    beside(`growth at the end: ${figure} of 1,000 more agents`, growth(beforeLast, last, of), unit, {
      name: "at the beginning",
      value: growth(first, second, of),
    });
  return [row("CPU", "% of a core", ({ cpuPercent }) => cpuPercent), row("memory", "MB", ({ rssMb }) => rssMb)];
}

function plotsOf(all: readonly Compared[]): LinePlot[] {
  const series = (of: (load: Load) => number) => {
    const points = (which: "coordinator" | "echo"): Point[] => all.map((one) => ({ x: one.agents, y: of(one[which]) }));
    return [
      { name: "coordinator", points: points("coordinator") },
      { name: "bare grpc-js server", points: points("echo") },
    ];
  };
  return [
    {
      name: "heartbeats-cpu",
      title: "CPU of a coordinator by agents, one heartbeat a second each",
      xLabel: "agents",
      yLabel: "% of one core",
      series: series(({ cpuPercent }) => cpuPercent),
    },
    {
      name: "heartbeats-memory",
      title: "Resident memory of a coordinator by agents",
      xLabel: "agents",
      yLabel: "MB",
      series: series(({ rssMb }) => rssMb),
    },
  ];
}
