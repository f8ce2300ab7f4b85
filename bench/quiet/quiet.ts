import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { eventsAfter } from "@lormas/lab/scenario/events-after.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { atLeast, atMost, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { runsOnce } from "../lab-hosts/contender.ts";
import { LormasContender } from "../lab-hosts/lormas-contender.ts";

const BUSY = fileURLToPath(new URL("./busy-main.ts", import.meta.url));
const MINUTE_MS = 60_000;
/** The witness calls a pause what is longer than a second; on busy cores a process that nobody stops may come to that. */
const SILENCE_MAX_S = 2;
/** One on each host, so that no host is idle. */
const CONTAINERS = ["quiet-1", "quiet-2", "quiet-3"] as const;
/** Events that tell of a container which somebody or something has disturbed. */
const DISTURBED = ["migration.started", "container.crashed", "container.stopped", "container.failed"];

export const quiet: Section = {
  name: "quiet",
  measures:
    "minutes (--minutes) in which nothing befalls fleets of three lab hosts, one of each profile side by side, while every core is " +
    "kept busy by processes of the same priority: nodes declared dead, containers stopped, restarted or moved, and the longest " +
    "silence of a container, seen by the witness; none of it may be",
  run: quietRun,
};

type Fleet = {
  readonly profile: string;
  readonly contender: LormasContender;
  readonly copies: number;
  readonly asOf: bigint;
};

async function quietRun(bench: BenchRun): Promise<Findings> {
  const fleets: Fleet[] = [];
  // Side by side: nine hosts on the cores of one, which is harder than one fleet after another, and takes a third of the time.
  for (const profile of bench.sizes.profiles) fleets.push(await settledFleet(bench, profile));
  for (let core = 0; core < availableParallelism(); core++) {
    const busy = fork(BUSY, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    bench.defer(() => busy.kill("SIGKILL"));
  }
  bench.say(`the cores are busy, and ${bench.sizes.minutes} minutes begin`);
  await delay(bench.sizes.minutes * MINUTE_MS);
  const rows: Row[] = [];
  for (const fleet of fleets) rows.push(...(await disturbances(fleet, bench)));
  return { rows, plots: [] };
}

async function settledFleet(bench: BenchRun, profile: string): Promise<Fleet> {
  const contender = await LormasContender.up(bench, profile);
  for (const container of CONTAINERS) await contender.create(container);
  await contender.ready(CONTAINERS[0]);
  const { asOf } = await contender.lab.api().events.listEvents({ latest: true, pageSize: 1 });
  return { profile, contender, copies: contender.witness.copies().length, asOf };
}

async function disturbances({ profile, contender, copies, asOf }: Fleet, bench: BenchRun): Promise<Row[]> {
  const { lab, witness } = contender;
  const told = await eventsAfter(lab, asOf);
  for (const { type, message } of told) bench.say(`${profile}: ${type}: ${message}`);
  const count = (...types: readonly string[]): number => told.filter(({ type }) => types.includes(type)).length;
  const silences = CONTAINERS.flatMap((container) => witness.gaps(container).map(({ ms }) => ms));
  const present = CONTAINERS.filter((container) => runsOnce(contender, container)).length;
  return [
    atMost(`${profile}: nodes declared dead`, count("node.dead"), "nodes", 0),
    atMost(`${profile}: copies that were replaced`, witness.copies().length - copies, "copies", 0),
    atMost(`${profile}: containers moved, crashed or stopped`, count(...DISTURBED), "events", 0),
    atMost(`${profile}: longest silence of a container`, Math.max(0, ...silences) / 1_000, "s", SILENCE_MAX_S),
    atLeast(`${profile}: containers that run in the end`, present, "containers", CONTAINERS.length),
    plain(`${profile}: silences of a node, without consequence`, count("node.heartbeat_lost"), "events"),
  ];
}
