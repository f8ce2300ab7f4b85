import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "./clock.ts";
import { type DecisionChanges, type DecisionStore, StaleTermError, UnstorableChangesError } from "./decision-store.ts";
import type { FleetState } from "./fleet-state.ts";
import { OWN_ID_PREFIX } from "./request-behind.ts";
import { NO_REQUESTS, type RequestScope } from "./request-scope.ts";
import { UnitOfWork } from "./unit-of-work.ts";

/** Decisions that may wait; one more is refused as busy. */
export const WAITING_MAX = 20_000;
/** Decisions that share one transaction. */
const BATCH_MAX = 256;

export type Decide<T> = (work: UnitOfWork) => T;

type Waiting = {
  /** Of the request that it was submitted for; null: none. */
  readonly requestId: string | null;
  /** The term in which it was submitted: what it rests on may be different in another. */
  readonly term: number;
  readonly decide: Decide<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
};

type Decided = { readonly waiting: Waiting; readonly value: unknown };

export type DecisionLoopPorts = {
  readonly state: FleetState;
  readonly store: Pick<DecisionStore, "commit">;
  readonly clock: Clock;
  /** The term this coordinator leads, or null when its lease is over. */
  readonly term: () => number | null;
  /** Which request a decision is submitted for; absent: none is. */
  readonly requests?: RequestScope;
  /** Sends what was committed; runs after the new state is in place. */
  readonly afterCommit: (changes: DecisionChanges) => void;
  /** The outcome of a commit is unknown, or the term is over: nothing is decided until the state has been read anew. */
  readonly onBroken: (error: unknown) => void;
};

/**
 * Takes decisions one after another, commits them, and only then lets them take effect: the contract of the whole
 * coordinator. Decisions that wait together share a transaction; each of them is undone alone when it refuses.
 *
 * `decide` runs synchronously on the fleet as the decisions before it left it; what it returns reaches the caller after
 * the commit, what it throws (a Refusal) reaches the caller and changes nothing.
 *
 * What it records carries the id of the request that it was submitted for, or, where nobody asked, an id of its own.
 */
export class DecisionLoop {
  readonly #ports: DecisionLoopPorts;
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #broken = false;
  /** Decisions of this process that no request was behind; with the term, which no other process ever has, it names them. */
  #unasked = 0;

  constructor(ports: DecisionLoopPorts, waitingMax = WAITING_MAX) {
    this.#ports = ports;
    this.#waitingMax = waitingMax;
  }

  /** Refusals: not_leader, busy (too many wait), database_unavailable (the outcome could not be stored; ask again). */
  submit<T>(decide: Decide<T>): Promise<T> {
    const term = this.#ports.term();
    if (term === null) return Promise.reject(notLeading());
    if (this.#broken) return Promise.reject(databaseGone());
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(
        new Refusal("busy", `${this.#waitingMax} decisions wait already`, "try again in a second", {
          retryAfterMs: 1_000,
        }),
      );
    }
    return new Promise<T>((resolve, reject) => {
      const { requests = NO_REQUESTS } = this.#ports;
      const requestId = requests.current();
      this.#waiting.push({ requestId, term, decide, resolve: resolve as (value: unknown) => void, reject });
      // Many decisions share a run, and deadlines are armed in it: none of that is of the request that happened to come first.
      this.#running ??= requests.outside(() => this.#run());
    });
  }

  /** Nothing waits and nothing is being committed: a decision would be taken on the state as it is now. */
  get quiet(): boolean {
    return this.#running === null && !this.#broken && this.#ports.term() !== null;
  }

  /** Goes on after the committed state has been read anew. */
  mend(): void {
    this.#broken = false;
  }

  /** Resolves when nothing is being committed any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // Lets everything that was submitted in this turn share the first transaction.
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0, BATCH_MAX);
        const term = this.#ports.term();
        const [present, past] = [batch.filter((one) => one.term === term), batch.filter((one) => one.term !== term)];
        for (const waiting of past) waiting.reject(notLeading());
        if (term !== null && !this.#broken) await this.#commitBatch(present, term);
        else for (const waiting of present) waiting.reject(databaseGone());
      }
    } finally {
      // In the same turn as the last look at the queue: whatever is submitted from here on starts a run of its own.
      this.#running = null;
    }
  }

  async #commitBatch(batch: readonly Waiting[], term: number): Promise<void> {
    const { state, store, clock } = this.#ports;
    const work = new UnitOfWork(state, clock.wallMs(), term, "");
    const decided: Decided[] = [];
    for (const waiting of batch) {
      const requestId = waiting.requestId ?? `${OWN_ID_PREFIX}${term}-${++this.#unasked}`;
      const inner = new UnitOfWork(work, work.atMs, term, requestId);
      try {
        const value = waiting.decide(inner);
        inner.settle();
        work.merge(inner);
        decided.push({ waiting, value });
      } catch (error) {
        waiting.reject(error);
      }
    }
    if (decided.length === 0) return;
    const changes = work.changes(state.newestSequence, state.newestPosition);
    try {
      if (!isEmpty(changes)) await store.commit(term, changes);
    } catch (error) {
      if (error instanceof UnstorableChangesError) {
        await this.#separate(decided, error, term);
        return;
      }
      const stale = error instanceof StaleTermError;
      for (const { waiting } of decided) waiting.reject(stale ? notLeading() : unknownOutcome());
      // Where the term is over, the next one begins, or has begun, by reading the state: this outcome is in it, and breaks
      // nothing of that term.
      if (this.#ports.term() !== term) return;
      this.#broken = true;
      this.#ports.onBroken(error);
      return;
    }
    work.applyTo(state, changes.commands);
    state.newestSequence = changes.newestSequence;
    for (const { waiting, value } of decided) waiting.resolve(value);
    this.#ports.afterCommit(changes);
  }

  // One decision that cannot be stored must not take its neighbours along: each is decided again on its own.
  async #separate(decided: readonly Decided[], error: UnstorableChangesError, term: number): Promise<void> {
    if (decided.length === 1) decided[0]?.waiting.reject(error);
    else for (const { waiting } of decided) await this.#commitBatch([waiting], term);
  }
}

function isEmpty(changes: DecisionChanges): boolean {
  return Object.values(changes).every((part) => !Array.isArray(part) || part.length === 0);
}

const notLeading = (): Refusal =>
  new Refusal("not_leader", "this coordinator does not lead at the moment", "try again in a moment", {
    retryAfterMs: 1_000,
  });

const databaseGone = (): Refusal =>
  new Refusal("database_unavailable", "the database does not answer at the moment", "try again in a moment", {
    retryAfterMs: 1_000,
  });

const unknownOutcome = (): Refusal =>
  new Refusal(
    "database_unavailable",
    "the database did not confirm the change, so it may or may not have been stored",
    "look whether it took effect, then try again",
    { retryAfterMs: 1_000 },
  );
