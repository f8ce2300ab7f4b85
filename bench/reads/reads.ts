import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type pg from "pg";
import { ApiHost } from "../api/api-host.ts";
import { sampledFleet } from "../api/sampled-fleet.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { percentile } from "../frame/percentile.ts";
import { cpuSecondsOf, rssMbOf } from "../frame/process-usage.ts";
import { atMost, type Findings, plain, type Section } from "../frame/section.ts";
import { openWatches } from "./open-watches.ts";
import { pacedReads } from "./paced-reads.ts";

const READS_PER_SECOND = 500;
const READ_P99_MAX_MS = 25;
const WATCHES = 1_000;
const WATCHES_MB_MAX = 600;
/** While so many watch. */
const EVENTS_PER_SECOND = 10;
const WARM_SECONDS = 3;

export const reads: Section = {
  name: "reads",
  measures:
    `the public API with a whole fleet in the store (--nodes, --containers), coordinator and PostgreSQL on one core together: ` +
    `${READS_PER_SECOND} containers a second read over REST by a client on another core, each counted from the moment it was ` +
    `due; then ${WATCHES} streams of events on as many connections, and the coordinator's memory with them`,
  run: readsRun,
};

async function readsRun(bench: BenchRun): Promise<Findings> {
  const { seconds } = bench.sizes;
  const { url, client, sampled } = await sampledFleet(bench);
  const ids = sampled.map(({ id }) => id);
  pin(await postmasterOf(client), 0);
  const host = await ApiHost.start(bench, url);
  pin(host.pid, 0);
  pin(process.pid, 1);
  const paths = ids.map((id) => `/api/v1/containers/${id}`);
  await pacedReads(host, paths, READS_PER_SECOND, WARM_SECONDS);
  const before = cpuSecondsOf(host.pid);
  const tookMs = await pacedReads(host, paths, READS_PER_SECOND, seconds);
  const cpuMs = ((cpuSecondsOf(host.pid) - before) * 1_000) / tookMs.length;
  bench.say(`${tookMs.length} reads are done`);
  const idleMb = rssMbOf(host.pid);
  const watches = await openWatches(bench, host, WATCHES);
  await host.emit({ perSecond: EVENTS_PER_SECOND, seconds, containerIds: ids });
  await watches.all(EVENTS_PER_SECOND * seconds);
  return {
    rows: [
      plain(`${READS_PER_SECOND} reads a second, p50`, percentile(tookMs, 0.5), "ms"),
      atMost(`${READS_PER_SECOND} reads a second, p99`, percentile(tookMs, 0.99), "ms", READ_P99_MAX_MS),
      plain("one read, CPU of the coordinator", cpuMs, "ms"),
      plain("memory before anybody watches", idleMb, "MB"),
      atMost(`memory while ${WATCHES} watch`, rssMbOf(host.pid), "MB", WATCHES_MB_MAX),
    ],
    plots: [],
  };
}

/** The parent of whoever serves this connection. */
async function postmasterOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const stat = readFileSync(`/proc/${rows[0]?.pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** A process with all its threads, and what it starts from now on, run on this core alone. */
function pin(pid: number, core: number): void {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(pid)], { stdio: "ignore" });
}
