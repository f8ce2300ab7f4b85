import { ANSWER_BOUND_MS } from "@lormas/coordinator/store/bounded-client.ts";
import type { Network } from "../network/network.ts";
import type { Pipe } from "../network/pipe.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import type { SimulatedDatabase, Transaction } from "./simulated-database.ts";

/** The host on which the database runs. */
export const DATABASE_HOST = "database";

/** How the server answers a statement. */
export type Answer<T> = (outcome: { readonly value: T } | { readonly error: Error }) => void;

/** One lent connection of a coordinator to the database: statements go one after another, each within its bound. */
export class DatabaseSession {
  readonly #process: SimulatedProcess;
  readonly #database: SimulatedDatabase;
  readonly #up: Pipe;
  readonly #down: Pipe;
  /** The transaction that the server keeps open for this session. */
  transaction: Transaction | null = null;
  readonly #forget: () => void;
  /** Statements without an answer. */
  #asked = 0;
  #open = true;

  constructor(process: SimulatedProcess, host: string, network: Network, database: SimulatedDatabase) {
    this.#process = process;
    this.#database = database;
    this.#up = network.pipe(host, DATABASE_HOST);
    this.#down = network.pipe(DATABASE_HOST, host);
    this.#forget = process.atEnd(() => this.close());
  }

  /** Sends a statement and waits for its answer; rejects when none comes in time, which ends the session. */
  ask<T>(what: string, work: (answer: Answer<T>) => void): Promise<T> {
    this.#asked += 1;
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#process.after(ANSWER_BOUND_MS, () => {
        this.close();
        reject(new Error(`PostgreSQL did not answer within ${ANSWER_BOUND_MS} ms`));
      });
      const answer: Answer<T> = (outcome) =>
        this.#down.send("answer", () =>
          this.#process.enter(() => {
            cancel();
            this.#asked -= 1;
            if ("error" in outcome) reject(outcome.error);
            else resolve(outcome.value);
          }),
        );
      this.#process.emit(() => {
        const taken = (): void => this.#database.take(() => work(answer));
        this.#up.send(what, taken, this.#database.workMs());
      });
    });
  }

  /**
   * The connection is given back, or lost: a transaction that is still open is rolled back once the server hears of it. Of
   * a session that has nothing open the server need not hear.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#forget();
    if (this.transaction === null && this.#asked === 0) {
      this.#up.close();
      this.#down.close();
      return;
    }
    this.#up.send("end of session", () => {
      this.transaction?.rollback();
      this.#up.close();
      this.#down.close();
    });
  }
}
