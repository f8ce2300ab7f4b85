import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { IDLE_IN_TRANSACTION_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from "@lormas/coordinator/store/database-config.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import { type LockMode, RowLock } from "./row-lock.ts";
import { StoredFleet } from "./stored-fleet.ts";

/** What a statement takes without a fault. */
const WORK_MIN_MS = 0.2;
const WORK_MAX_MS = 4;

/** An open transaction of one session. It ends by itself when its session is silent, as the server's timeouts say. */
export type Transaction = {
  /** Applies what the transaction wrote and ends it; false when the server has ended it before. */
  commit(write: (fleet: StoredFleet) => void): boolean;
  rollback(): void;
};

/** What the server does with a commit that arrives. */
export type CommitFate = "stored" | "lost" | "stored, answer lost";

/**
 * A PostgreSQL as far as decisions depend on it: READ COMMITTED transactions over the fleet's rows, serialised where they
 * meet on the leadership row's lock, with the timeouts that the coordinator asks its sessions to have. It never fails by
 * itself; it may be slow, frozen, or cut off from a coordinator.
 */
export class SimulatedDatabase {
  readonly fleet = new StoredFleet();
  readonly #time: SimulatedClock;
  readonly #random: SeededRandom;
  readonly #lock = new RowLock();
  readonly #held: (() => void)[] = [];
  #frozen = false;
  /** Statements take up to so much longer. */
  slowMaxMs = 0;
  /** Share of commits that meet each fate but the good one. */
  lostCommits = 0;
  unansweredCommits = 0;

  constructor(time: SimulatedClock, random: SeededRandom) {
    this.#time = time;
    this.#random = random;
  }

  /** The server is stopped as it stands; what reaches it waits. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const work of this.#held.splice(0)) this.#time.after(0, "database", "goes on", () => this.take(work));
  }

  /** What the next statement takes on the server. */
  workMs(): number {
    const workMs = this.#random.between(WORK_MIN_MS, WORK_MAX_MS);
    return this.slowMaxMs > 0 ? workMs + this.#random.logBetween(1, this.slowMaxMs) : workMs;
  }

  /** The server is done with a statement, unless it was stopped meanwhile. */
  take(work: () => void): void {
    if (this.#frozen) this.#held.push(work);
    else work();
  }

  /**
   * Opens a transaction that holds the leadership row. `timedOut` when the lock was not had within statement_timeout; a
   * session that then says nothing is ended, and gives the lock back.
   */
  begin(mode: LockMode, holding: (transaction: Transaction) => void, timedOut: () => void): void {
    let open = true;
    const end = (): void => {
      open = false;
      cancelTimeout();
      release();
    };
    let cancelTimeout = this.#time.after(STATEMENT_TIMEOUT_MS, "database", "statement timeout", () => {
      end();
      timedOut();
    });
    const transaction: Transaction = {
      commit: (write) => {
        if (!open) return false;
        write(this.fleet);
        end();
        return true;
      },
      rollback: () => {
        if (open) end();
      },
    };
    // Granted in an event of its own: the lock may be free at once, before `release` is known here.
    const release = this.#lock.take(mode, () =>
      this.#time.after(0, "database", "lock", () => {
        if (!open) return;
        cancelTimeout();
        cancelTimeout = this.#time.after(IDLE_IN_TRANSACTION_TIMEOUT_MS, "database", "idle transaction", end);
        holding(transaction);
      }),
    );
  }

  /** What becomes of a commit that reaches the server. */
  fateOfCommit(): CommitFate {
    if (this.lostCommits > 0 && this.#random.chance(this.lostCommits)) return "lost";
    if (this.unansweredCommits > 0 && this.#random.chance(this.unansweredCommits)) return "stored, answer lost";
    return "stored";
  }
}
