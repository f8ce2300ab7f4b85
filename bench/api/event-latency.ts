import { randomUUID } from "node:crypto";
import pg from "pg";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import type { ApiHost } from "./api-host.ts";
import { SUBMITTED } from "./host-message.ts";

const ARRIVE_MS = 30_000;
const OPENED_MS = 20_000;

/** Milliseconds of every event until a subscriber had it. */
export type EventLatency = {
  /** From the return of its commit. */
  readonly afterCommitMs: readonly number[];
  /** From the submission of its decision. */
  readonly afterSubmitMs: readonly number[];
};

/** One subscriber of the Watch stream in this process while the host commits events. */
export async function watchLatency(
  part: BenchRun,
  host: ApiHost,
  load: { readonly perSecond: number; readonly seconds: number; readonly containerIds: readonly string[] },
): Promise<EventLatency> {
  const arrived = new Map<number, { atMs: number; submittedMs: number }>();
  const stopping = new AbortController();
  let opened = false;
  let failure: unknown;
  const watching = (async () => {
    for await (const { message } of host.api.streams.events.watch({}, { signal: stopping.signal })) {
      const atMs = monotonicMs();
      if (message.case === "opened") opened = true;
      if (message.case !== "change" || message.value.event === undefined) continue;
      const { sequence, data } = message.value.event;
      const submittedMs = data?.[SUBMITTED];
      if (typeof submittedMs === "number") arrived.set(Number(sequence), { atMs, submittedMs });
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) failure = error;
  });
  part.defer(async () => {
    stopping.abort();
    await watching;
  });
  const broken = (): boolean => {
    if (failure !== undefined) throw new Error("the Watch stream broke", { cause: failure });
    return false;
  };
  await until("the Watch stream is open", OPENED_MS, () => broken() || opened);
  const commits = await host.emit(load);
  const wanted = load.perSecond * load.seconds;
  await until(`${wanted} events arrive`, ARRIVE_MS, () => broken() || arrived.size === wanted, 20);
  return {
    afterCommitMs: [...arrived].map(([sequence, { atMs }]) => atMs - (commits.get(sequence) ?? atMs)),
    afterSubmitMs: [...arrived.values()].map(({ atMs, submittedMs }) => atMs - submittedMs),
  };
}

/** The same by PostgreSQL alone: rows like events, committed at the same pace, and NOTIFY to one that listens. */
export async function notifyLatency(
  part: BenchRun,
  url: string,
  load: { readonly perSecond: number; readonly seconds: number },
): Promise<readonly number[]> {
  const [writer, listener] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
  for (const client of [writer, listener]) {
    await client.connect();
    part.defer(() => client.end());
  }
  await writer.query("create table bench_event (like event including all)");
  part.defer(() => writer.query("drop table bench_event"));
  const tookMs: number[] = [];
  listener.on("notification", ({ payload = "" }) => {
    const atMs = monotonicMs();
    for (const submittedMs of payload.split(",")) tookMs.push(atMs - Number(submittedMs));
  });
  await listener.query("listen bench_event");
  const wanted = load.perSecond * load.seconds;
  const begunMs = performance.now();
  for (let sent = 0; sent < wanted; ) {
    const due = Math.min(wanted, Math.floor(((performance.now() - begunMs) / 1_000) * load.perSecond));
    if (due > sent) await writer.query(commitOf(sent, due));
    else await new Promise((resolve) => setTimeout(resolve, 1));
    sent = Math.max(sent, due);
  }
  await until(`${wanted} notifications arrive`, ARRIVE_MS, () => tookMs.length >= wanted, 20);
  return tookMs;
}

/** One transaction with the events that are due, and the moment in which each was submitted as what is told of it. */
function commitOf(from: number, to: number): string {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  const rows = numbers.map(
    (number) =>
      `(${number}, now(), 'container.running', 'info', 'a container runs, says the bench', null, '${randomUUID()}', null, '{}')`,
  );
  const told = numbers.map(() => monotonicMs().toFixed(3)).join(",");
  return `insert into bench_event values ${rows.join(", ")}; notify bench_event, '${told}'`;
}
