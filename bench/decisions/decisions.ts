import type { BenchRun } from "../frame/bench-run.ts";
import { percentile } from "../frame/percentile.ts";
import { atLeast, beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { DecidingFleet } from "./deciding-fleet.ts";
import { bareCommits, replayed } from "./postgres-replay.ts";
import type { Tally } from "./recording-store.ts";

const NODES = 20;
const CONTAINERS = 500;
/** People who each wish the next migration once the last one has ended. */
const WISHERS = 64;
const MIGRATIONS_MIN = 100;
const TRANSITIONS_MIN = 1_000;
const BARE_SECONDS_MAX = 5;

type Moves = {
  readonly seconds: number;
  readonly tally: Tally;
  /** From the wish to the committed end of the migration, and to the acknowledgement of the wish. */
  readonly movedMs: readonly number[];
  readonly grantedMs: readonly number[];
};

export const decisions: Section = {
  name: "decisions",
  measures:
    `what a coordinator's runtime decides and commits, ${NODES} simulated nodes answering at once, ${CONTAINERS} containers, ` +
    `${WISHERS} wishes of a migration at a time; against what the same PostgreSQL (fsync and synchronous_commit on) makes of ` +
    "the very same statements alone",
  run: decisionsRun,
};

async function decisionsRun(bench: BenchRun): Promise<Findings> {
  const { seconds } = bench.sizes;
  const decided = await bench.part(async (part) => {
    const fleet = await DecidingFleet.start(bench, part, NODES);
    const created = await fleet.create(CONTAINERS);
    part.say(`${CONTAINERS} containers run`);
    const limited = await moves(fleet, created.ids, seconds, false);
    await fleet.liftLimits();
    const free = await moves(fleet, created.ids, seconds, true);
    const lost = await fleet.loseNode(fleet.fullestNode(), CONTAINERS);
    return { url: fleet.url, created, limited, free, lost };
  });
  const { created, limited, free, lost } = decided;
  const replay = await replayed(decided.url, free.tally.recorded);
  const bare = await bareCommits(decided.url, Math.min(seconds, BARE_SECONDS_MAX));
  const alone = (value: number) => ({ name: "PostgreSQL alone, same statements", value });
  const { commits } = free.tally;
  return {
    rows: [
      atLeast("whole migrations", free.tally.migrations / free.seconds, "/s", MIGRATIONS_MIN),
      atLeast("committed transitions", free.tally.transitions / free.seconds, "/s", TRANSITIONS_MIN),
      beside(
        "committed transitions, beside PostgreSQL",
        free.tally.transitions / free.seconds,
        "/s",
        alone(replay.transitions / replay.seconds),
      ),
      beside("transactions", commits / free.seconds, "/s", alone(replay.commits / replay.seconds)),
      beside("transactions, beside commits of one row", commits / free.seconds, "/s", {
        name: "PostgreSQL, one row a commit",
        value: bare,
      }),
      plain("transitions in one transaction, mean", free.tally.transitions / commits, ""),
      plain("committed events", free.tally.events / free.seconds, "/s"),
      ...latencies(free),
      plain("with a cluster's default limits: whole migrations", limited.tally.migrations / limited.seconds, "/s"),
      plain(`${CONTAINERS} created at once: all acknowledged`, created.acknowledgedMs, "ms"),
      plain(`${CONTAINERS} created at once: all run`, created.runningMs, "ms"),
      plain(`dead node with ${lost.victims} containers: declared (profile lan)`, lost.deadMs, "ms"),
      plain(`dead node with ${lost.victims} containers: then until the last runs`, lost.movedMs, "ms"),
    ],
    plots: [],
  };
}

function latencies({ movedMs, grantedMs, tally }: Moves): Row[] {
  const both = (figure: string, ms: readonly number[]): Row[] => [
    plain(`${figure}, p50`, percentile(ms, 0.5), "ms"),
    plain(`${figure}, p99`, percentile(ms, 0.99), "ms"),
  ];
  return [
    ...both("wish to acknowledgement (its commit)", grantedMs),
    ...both("wish to the end of its migration", movedMs),
    ...both("one transaction", tally.commitMs),
  ];
}

/** Migrates for some seconds, every wisher its own containers in turn, and waits for what is under way. */
async function moves(fleet: DecidingFleet, ids: readonly string[], seconds: number, records: boolean): Promise<Moves> {
  const { operations } = fleet.runtime;
  const { store } = fleet;
  const movedMs: number[] = [];
  const grantedMs: number[] = [];
  store.begin(records);
  const begunMs = performance.now();
  const endMs = begunMs + seconds * 1_000;
  await Promise.all(
    Array.from({ length: WISHERS }, async (_, wisher) => {
      const own = ids.filter((__, index) => index % WISHERS === wisher);
      for (let turn = 0; performance.now() < endMs; turn += 1) {
        const wishedMs = performance.now();
        const { migrationId } = await operations.migrate(own[turn % own.length] ?? "", null, "bench");
        grantedMs.push(performance.now() - wishedMs);
        await store.ended(migrationId);
        movedMs.push(performance.now() - wishedMs);
      }
    }),
  );
  const { tally } = store;
  store.begin(false);
  return { seconds: (performance.now() - begunMs) / 1_000, tally, movedMs, grantedMs };
}
