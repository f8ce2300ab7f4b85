import pg from "pg";
import { systemClock } from "../runtime/system-clock.ts";

/** How long one statement may stay unanswered before its connection is given up; above every statement_timeout. */
export const ANSWER_BOUND_MS = 2_500;

export type BoundedClientConfig = pg.ClientConfig & {
  /** Milliseconds of waiting for an answer; ANSWER_BOUND_MS unless told. */
  readonly answerBoundMs?: number;
};

/** What a pool puts on a client that it has lent. */
type Lent = { release?: (error?: Error | boolean) => void };

const OPENS_OR_ROLLS_BACK = /^\s*(begin|start transaction|rollback)\b(?! to)/i;

/**
 * A connection that gives itself up when it is lost.
 *
 * A statement may stay unanswered because the server is frozen or the network swallows packets, which no
 * statement_timeout of the server's can see. The socket is then destroyed rather than the query abandoned (as pg's own
 * query_timeout does), because a connection that goes back to its pool with a rollback that was never answered could
 * carry a half-done transaction into somebody else's commit.
 *
 * And a connection on which opening a transaction or rolling it back fails leaves the pool at once: the query builder
 * returns a connection only after a commit or rollback that succeeded, so that every transaction whose connection broke
 * would take one place of the pool for ever. The server rolls back what the lost session left.
 */
export class BoundedClient extends pg.Client {
  readonly #answerMs: number;

  constructor(config: BoundedClientConfig) {
    super(config);
    this.#answerMs = config.answerBoundMs ?? ANSWER_BOUND_MS;
  }

  // pg declares eight overloads of query; this one passes through whatever it is given.
  override query(...input: unknown[]): never {
    const answer: unknown = Reflect.apply(super.query, this, input);
    if (answer instanceof Promise) {
      const cancel = systemClock.schedule(this.#answerMs, () => {
        // The code tells callers a database that is away from a fault of our own, as with any other socket.
        const error = new Error(`PostgreSQL did not answer within ${this.#answerMs} ms`);
        this.#giveUp(Object.assign(error, { code: "ETIMEDOUT" }));
      });
      answer.then(cancel, (error: unknown) => {
        cancel();
        if (typeof input[0] === "string" && OPENS_OR_ROLLS_BACK.test(input[0])) this.#leavePool(error);
      });
    }
    // Whatever the overload that was called gives: it is handed on as it came.
    return answer as never;
  }

  #giveUp(error: Error): void {
    this.connection.stream.destroy(error);
  }

  #leavePool(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#giveUp(error);
    const lent: Lent = this as Lent;
    const release = lent.release;
    // Somebody who returns it all the same does no harm.
    lent.release = () => {};
    release?.(error);
  }
}
