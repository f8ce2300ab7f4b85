import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import { PostgresDecisionStore } from "@lormas/coordinator/store/decisions/postgres-decision-store.ts";
import type { Database } from "@lormas/coordinator/store/open-database.ts";

/** Commits of which every statement is kept; enough for a rate, and bounded. */
const RECORDED_MAX = 1_000;

/** One transaction as it went to PostgreSQL: the very text of its statements, BEGIN and COMMIT included. */
export type RecordedCommit = { readonly statements: readonly string[]; readonly transitions: number };

/** What was committed since `begin`. */
export type Tally = {
  commits: number;
  /** States that migrations entered, and their ends: each with its rows, outbox and events. */
  transitions: number;
  events: number;
  migrations: number;
  readonly commitMs: number[];
  readonly recorded: RecordedCommit[];
};

/** The product's store, which also tells what goes through it. */
export class RecordingStore extends PostgresDecisionStore {
  #tally: Tally = fresh();
  #records = false;
  #statements: string[] | null = null;
  /** Migrations of whose end somebody wants to hear. */
  readonly #awaited = new Map<string, () => void>();
  /** Those that ended before anybody asked: their wish was acknowledged no sooner. */
  readonly #ended = new Set<string>();

  constructor(database: Database) {
    super(database);
    // MikroORM hands every statement to its logger once it is done, with the text that was sent.
    database.orm.config.getLogger().logQuery = (context) => {
      const sent: unknown = "formatted" in context ? context.formatted : context.query;
      this.#statements?.push(String(sent));
    };
  }

  /** Counts anew; with `records` it keeps the statements too. */
  begin(records: boolean): void {
    this.#tally = fresh();
    this.#records = records;
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** Resolves once the end of this migration is committed. */
  ended(migrationId: string): Promise<void> {
    if (this.#ended.delete(migrationId)) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.set(migrationId, resolve));
  }

  override async commit(term: number, changes: DecisionChanges): Promise<void> {
    const tally = this.#tally;
    const statements: string[] | null = this.#records && tally.recorded.length < RECORDED_MAX ? [] : null;
    this.#statements = statements;
    const begunMs = performance.now();
    try {
      await super.commit(term, changes);
    } finally {
      this.#statements = null;
    }
    const transitions = changes.migrations.filter(({ kind }) => kind === "step" || kind === "ended").length;
    const ends = changes.migrations.filter(({ kind }) => kind === "ended");
    tally.commits += 1;
    tally.transitions += transitions;
    tally.events += changes.events.length;
    tally.migrations += ends.length;
    tally.commitMs.push(performance.now() - begunMs);
    if (statements !== null) tally.recorded.push({ statements, transitions });
    for (const { id } of ends) {
      const heard = this.#awaited.get(id);
      this.#awaited.delete(id);
      if (heard) heard();
      else this.#ended.add(id);
    }
  }
}

function fresh(): Tally {
  return { commits: 0, transitions: 0, events: 0, migrations: 0, commitMs: [], recorded: [] };
}
