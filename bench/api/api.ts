import type pg from "pg";
import type { BenchRun } from "../frame/bench-run.ts";
import { percentile } from "../frame/percentile.ts";
import { cpuSecondsOf, rssMbOf } from "../frame/process-usage.ts";
import { atMost, beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { ApiHost } from "./api-host.ts";
import { notifyLatency, watchLatency } from "./event-latency.ts";
import { sampledFleet } from "./sampled-fleet.ts";

const PAGE = 100;
const PAGE_P99_MAX_MS = 30;
const EVENT_P99_MAX_MS = 50;
const EVENTS_PER_SECOND = 1_000;
/** Calls before any are counted, until their code is compiled: what a coordinator's first second costs is told by its start. */
const WARM = 300;

export const api: Section = {
  name: "api",
  measures:
    `the public API with a whole fleet in the store (--nodes, --containers), one client that calls again and ` +
    `again: pages of ${PAGE}, one container, against the bare query on the same PostgreSQL; and events at ` +
    `${EVENTS_PER_SECOND}/s from their commit to a subscriber of the Watch stream, against PostgreSQL's NOTIFY`,
  run: apiRun,
};

async function apiRun(bench: BenchRun): Promise<Findings> {
  const { seconds } = bench.sizes;
  const { url, client, sampled } = await sampledFleet(bench);
  const bare = await bareQueries(client, sampled, seconds / 2);
  const host = await ApiHost.start(bench, url);
  bench.say(`the API serves after ${(host.readyMs / 1_000).toFixed(1)} s`);
  const calls = await apiCalls(host, sampled, seconds / 2);
  const heldByReads = await host.held();
  bench.say("every node's death is foretold while pages are read");
  const foretold = await whileForetold(host, seconds);
  const heldByForecasts = await host.held();
  const load = { perSecond: EVENTS_PER_SECOND, seconds };
  const containerIds = sampled.map(({ id }) => id);
  const watched = await bench.part((part) => watchLatency(part, host, { ...load, containerIds }));
  const heldByEvents = await host.held();
  const rssMb = rssMbOf(host.pid);
  const notified = await bench.part((part) => notifyLatency(part, url, load));
  return {
    rows: [
      ...callRows(`page of ${PAGE} containers`, calls.containers, bare.containers, PAGE_P99_MAX_MS),
      ...callRows(`page of ${PAGE} nodes`, calls.nodes, bare.nodes),
      ...callRows("one container by id", calls.byId, bare.one),
      ...callRows("one container by name", calls.byName, bare.one),
      plain("longest that the coordinator's thread was held meanwhile, CPU", heldByReads.longestMs, "ms"),
      plain("while every node's death is foretold: page, p50", percentile(foretold.pagesMs, 0.5), "ms"),
      atMost(
        "while every node's death is foretold: page, p99",
        percentile(foretold.pagesMs, 0.99),
        "ms",
        PAGE_P99_MAX_MS,
      ),
      plain("a forecast of every node meanwhile, p50", percentile(foretold.forecastsMs, 0.5), "ms"),
      plain("longest that the thread was held meanwhile, CPU", heldByForecasts.longestMs, "ms"),
      plain("event, commit to subscriber, p50", percentile(watched.afterCommitMs, 0.5), "ms"),
      atMost("event, commit to subscriber, p99", percentile(watched.afterCommitMs, 0.99), "ms", EVENT_P99_MAX_MS),
      ...latency("event, decision to subscriber", watched.afterSubmitMs, notified, undefined, "PostgreSQL's NOTIFY"),
      plain("longest that the thread was held while events came, CPU", heldByEvents.longestMs, "ms"),
      plain("start on the stored fleet until the API serves", host.readyMs, "ms"),
      plain("memory after that", rssMb, "MB"),
    ],
    plots: [],
  };
}

function latency(
  figure: string,
  tookMs: readonly number[],
  bareMs: readonly number[],
  p99MaxMs?: number,
  reference = "bare query",
): Row[] {
  const p99 = percentile(tookMs, 0.99);
  return [
    beside(`${figure}, p50`, percentile(tookMs, 0.5), "ms", { name: reference, value: percentile(bareMs, 0.5) }),
    beside(`${figure}, p99`, p99, "ms", { name: reference, value: percentile(bareMs, 0.99) }),
    ...(p99MaxMs === undefined ? [] : [atMost(`${figure}, p99, bounded`, p99, "ms", p99MaxMs)]),
  ];
}

/** How long each call took, and the CPU time of the coordinator for one, mean. */
type Calls = { readonly tookMs: readonly number[]; readonly cpuMs: number };

function callRows(figure: string, { tookMs, cpuMs }: Calls, bareMs: readonly number[], p99MaxMs?: number): Row[] {
  return [...latency(figure, tookMs, bareMs, p99MaxMs), plain(`${figure}, CPU of the coordinator`, cpuMs, "ms")];
}

/** Pages, one after another, while the host foretells every node's death again and again; how long each took. */
async function whileForetold(host: ApiHost, seconds: number) {
  const forecasts = host.foretell(seconds);
  let pageToken = "";
  const pagesMs = await repeated(seconds, async () => {
    const page = await host.api.containers.listContainers({ pageSize: PAGE, pageToken });
    pageToken = page.nextPageToken;
  });
  return { pagesMs, forecastsMs: await forecasts };
}

type Known = { readonly id: string; readonly name: string };

async function apiCalls(host: ApiHost, known: readonly Known[], seconds: number) {
  const { api: client } = host;
  const at = (turn: number): Known => known[turn % known.length] ?? { id: "", name: "" };
  let containersToken = "";
  let nodesToken = "";
  /** The calls, and what one of them costs the coordinator: that does not depend on who else uses the cores. */
  const called = async (call: (turn: number) => Promise<unknown>): Promise<Calls> => {
    const before = cpuSecondsOf(host.pid);
    const tookMs = await repeated(seconds, call);
    const cpuMs = ((cpuSecondsOf(host.pid) - before) * 1_000) / (tookMs.length + WARM);
    return { tookMs, cpuMs };
  };
  return {
    containers: await called(async () => {
      const page = await client.containers.listContainers({ pageSize: PAGE, pageToken: containersToken });
      containersToken = page.nextPageToken;
    }),
    nodes: await called(async () => {
      const page = await client.nodes.listNodes({ pageSize: PAGE, pageToken: nodesToken });
      nodesToken = page.nextPageToken;
    }),
    byId: await called((turn) => client.containers.getContainer({ id: at(turn).id })),
    byName: await called((turn) => client.containers.getContainer({ id: at(turn).name })),
  };
}

async function bareQueries(client: pg.Client, known: readonly Known[], seconds: number) {
  const at = (turn: number): Known => known[turn % known.length] ?? { id: "", name: "" };
  const page = (table: string) => (turn: number) =>
    client.query(`select * from ${table} where name > $1 order by name limit ${PAGE + 1}`, [at(turn).name]);
  return {
    containers: await repeated(seconds, page("container")),
    nodes: await repeated(seconds, (turn) =>
      client.query(`select * from node where name > $1 order by name limit ${PAGE + 1}`, [`node-${(turn % 9) + 1}`]),
    ),
    one: await repeated(seconds, (turn) => client.query("select * from container where id = $1", [at(turn).id])),
  };
}

/** Calls one after another for so long; how long each took. */
async function repeated(seconds: number, call: (turn: number) => Promise<unknown>): Promise<number[]> {
  for (let turn = 0; turn < WARM; turn += 1) await call(turn);
  const tookMs: number[] = [];
  for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; ) {
    const begunMs = performance.now();
    await call(WARM + tookMs.length);
    tookMs.push(performance.now() - begunMs);
  }
  return tookMs;
}
