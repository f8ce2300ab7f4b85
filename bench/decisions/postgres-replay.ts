import pg from "pg";
import type { RecordedCommit } from "./recording-store.ts";

/** Tables into which a recorded commit inserts what must not be there already; those that it updates keep their rows. */
const EMPTIED = "event, outbox, migration, migration_step, job, reservation, port_reservation";

/** What PostgreSQL alone made of commits that a coordinator had made before. */
export type Replay = { readonly seconds: number; readonly transitions: number; readonly commits: number };

/**
 * Sends the same statements again, one connection, one after another as the coordinator does, with nothing in between: as
 * fast as this PostgreSQL on this disk commits these rows. The database's content is lost by it.
 */
export async function replayed(url: string, commits: readonly RecordedCommit[]): Promise<Replay> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`truncate ${EMPTIED} cascade`);
    const begunMs = performance.now();
    for (const { statements } of commits) for (const statement of statements) await client.query(statement);
    const seconds = (performance.now() - begunMs) / 1_000;
    const transitions = commits.reduce((sum, commit) => sum + commit.transitions, 0);
    return { seconds, transitions, commits: commits.length };
  } finally {
    await client.end();
  }
}

/** Commits of one small row a second, one after another: what the disk lets a single writer do at all. */
export async function bareCommits(url: string, seconds: number): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("create table bench_commit (number bigint primary key)");
    const begunMs = performance.now();
    let count = 0;
    for (const endMs = begunMs + seconds * 1_000; performance.now() < endMs; count += 1) {
      await client.query(`insert into bench_commit values (${count})`);
    }
    const rate = (count / (performance.now() - begunMs)) * 1_000;
    await client.query("drop table bench_commit");
    return rate;
  } finally {
    await client.end();
  }
}
