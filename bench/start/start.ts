import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startEmbeddedPostgres } from "@lormas/coordinator/store/embedded/embedded-postgres.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";
import { Fleet } from "../../e2e/fleet/fleet.ts";
import { CoordinatorProcess } from "../fleet/coordinator-process.ts";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { cpuSecondsOf, type Memory, memoryOf } from "../frame/process-usage.ts";
import { beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";

/** After everything is up, before its idle memory is looked at: what the start left behind is collected. */
const REST_MS = 10_000;
/** A coordinator listens to signals right after it has said that it is ready, not before. */
const STANDS_MS = 200;
const LISTENS_MS = 10_000;
/** Node with a server and nothing else: what a process of ours is held against. */
const BARE_SERVER = 'require("node:http").createServer().listen(0, "127.0.0.1", () => process.send("listens"))';

/** Processes of a local fleet, by what their command line names. */
const KINDS = [
  ["coordinator", "coordinator/src/main.ts"],
  ["agent", "agent/src/main.ts"],
  ["guard", "guard/main.mjs"],
  ["supervisor", "cli/src/main.ts up"],
] as const;

type Starts = { readonly coldMs: number; readonly warmMs: number };
type Idle = { readonly memory: Memory; readonly cpuPercent: number };

export const start: Section = {
  name: "start",
  measures:
    "from the command to the ready line: `lormas up` (coordinator, PostgreSQL, three agents with guards) and a coordinator " +
    "alone, on an empty data directory (cold) and on the one of the run before (warm), against PostgreSQL's own start; then " +
    "what each process holds while nothing happens, against a bare Node process with an HTTP server",
  run: startRun,
};

async function startRun(bench: BenchRun): Promise<Findings> {
  const { runs } = bench.sizes;
  const fleets: Starts[] = [];
  const coordinators: Starts[] = [];
  const databases: Starts[] = [];
  let idle = new Map<string, Idle>();
  for (let run = 1; run <= runs; run += 1) {
    databases.push(await bench.part(postgresStarts));
    coordinators.push(await bench.part(coordinatorStarts));
    await bench.part(async (part) => {
      const fleet = new Fleet();
      part.defer(() => fleet.dispose());
      fleets.push(await fleetStarts(fleet));
      if (run === runs) idle = await idleProcesses(fleet, bench.sizes.seconds);
    });
    bench.say(
      `${run} of ${runs}: cold ${fleets.at(-1)?.coldMs.toFixed(0)} ms, warm ${fleets.at(-1)?.warmMs.toFixed(0)} ms`,
    );
  }
  const bare = await bench.part(bareServer);
  return { rows: [...startRows({ fleets, coordinators, databases }), ...idleRows(idle, bare)], plots: [] };
}

function startRows(all: Readonly<Record<"fleets" | "coordinators" | "databases", readonly Starts[]>>): Row[] {
  const { fleets, coordinators, databases } = all;
  const row = (name: string, starts: readonly Starts[], which: keyof Starts): Row =>
    beside(`${name}, median of ${starts.length}`, median(starts.map((one) => one[which])), "ms", {
      name: "PostgreSQL alone",
      value: median(databases.map((one) => one[which])),
    });
  return [
    row("lormas up, cold", fleets, "coldMs"),
    row("lormas up, warm", fleets, "warmMs"),
    row("coordinator alone, cold", coordinators, "coldMs"),
    row("coordinator alone, warm", coordinators, "warmMs"),
  ];
}

function idleRows(idle: ReadonlyMap<string, Idle>, bare: Memory): Row[] {
  const server = (value: number) => ({ name: "bare HTTP server", value });
  return [...idle].flatMap(([name, { memory, cpuPercent }]) => [
    beside(`${name} idle: resident`, memory.rssMb, "MB", server(bare.rssMb)),
    beside(`${name} idle: private`, memory.privateMb, "MB", server(bare.privateMb)),
    plain(`${name} idle: CPU`, cpuPercent, "% of a core"),
  ]);
}

async function fleetStarts(fleet: Fleet): Promise<Starts> {
  const coldMs = await fleet.start();
  await fleet.interrupt();
  await fleet.gone(LISTENS_MS);
  return { coldMs, warmMs: await fleet.start() };
}

async function coordinatorStarts(part: BenchRun): Promise<Starts> {
  const dataDir = join(part.folder(), "coordinator");
  mkdirSync(dataDir, { mode: 0o700 });
  const coordinator = new CoordinatorProcess(part, { dataDir, databaseUrl: null });
  const coldMs = await coordinator.start();
  await pause(STANDS_MS);
  await coordinator.end("SIGTERM");
  const warmMs = await coordinator.start();
  await pause(STANDS_MS);
  await coordinator.end("SIGTERM");
  return { coldMs, warmMs };
}

async function postgresStarts(part: BenchRun): Promise<Starts> {
  const dataDir = join(part.folder(), "postgres");
  const started = async (): Promise<number> => {
    const begunMs = performance.now();
    const postgres = await startEmbeddedPostgres({ dataDir, log: silentLog });
    const tookMs = performance.now() - begunMs;
    await postgres.stop();
    return tookMs;
  };
  return { coldMs: await started(), warmMs: await started() };
}

/** The first process of each kind, after a rest, for some seconds in which nobody asks anything of them. */
async function idleProcesses(fleet: Fleet, seconds: number): Promise<Map<string, Idle>> {
  await pause(REST_MS);
  const found = KINDS.map(([name, words]) => {
    const one = fleet.processes().find(({ argv }) => argv.join(" ").includes(words));
    if (one === undefined) throw new Error(`the fleet has no ${name}`);
    return { name, pid: one.pid, cpuBefore: cpuSecondsOf(one.pid) };
  });
  const begunMs = performance.now();
  await pause(seconds * 1_000);
  const passed = (performance.now() - begunMs) / 1_000;
  return new Map(
    found.map(({ name, pid, cpuBefore }) => [
      name,
      { memory: memoryOf(pid), cpuPercent: ((cpuSecondsOf(pid) - cpuBefore) / passed) * 100 },
    ]),
  );
}

async function bareServer(part: BenchRun): Promise<Memory> {
  const child = spawn(process.execPath, ["-e", BARE_SERVER], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  part.defer(() => ended(child, "SIGKILL"));
  let listens = false;
  child.on("message", () => {
    listens = true;
  });
  await until("the bare server listens", LISTENS_MS, () => listens);
  await pause(1_000);
  return memoryOf(child.pid ?? 0);
}
