import pg from "pg";
import { systemClock } from "../runtime/system-clock.ts";

/** How long one statement may stay unanswered before its connection is given up; above every statement_timeout. */
export const ANSWER_BOUND_MS = 2_500;

export type BoundedClientConfig = pg.ClientConfig & {
  /** Milliseconds of waiting for an answer; ANSWER_BOUND_MS unless told. */
  readonly answerBoundMs?: number;
  /** Told when the pool has lent a connection, and when it has it back. */
  readonly onLoan?: OnLoan;
};

export type OnLoan = (client: BoundedClient, lent: boolean) => void;

/** How a pool has a client back that it has lent. */
type Release = (error?: Error | boolean) => void;
const GIVEN_BACK: Release = () => {};

/** Of a statement that is remembered for the log. */
const REMEMBERED_CHARS = 80;
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
  readonly #onLoan: OnLoan;
  #release: Release = GIVEN_BACK;
  #lastAsked = "";

  constructor(config: BoundedClientConfig) {
    super(config);
    this.#answerMs = config.answerBoundMs ?? ANSWER_BOUND_MS;
    this.#onLoan = config.onLoan ?? (() => {});
  }

  // The pool sets it on a client that it lends, and whoever has borrowed that calls it; a second time does no harm.
  set release(release: Release) {
    this.#onLoan(this, true);
    this.#release = (error) => {
      this.#release = GIVEN_BACK;
      this.#onLoan(this, false);
      release(error);
    };
  }

  get release(): Release {
    return this.#release;
  }

  /** How the last statement begins, up to its first value: it is for logs. */
  get lastAsked(): string {
    const [words = ""] = this.#lastAsked.split("'", 1);
    return words;
  }

  /** Cuts it and takes it from whoever holds it: what was asked rejects, and its pool waits for it no longer. May be repeated. */
  abandon(error: Error): void {
    this.#leavePool(error);
  }

  // pg declares eight overloads of query; this one passes through whatever it is given.
  override query(...input: unknown[]): never {
    if (typeof input[0] === "string") this.#lastAsked = input[0].slice(0, REMEMBERED_CHARS);
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
    this.#release(error);
  }
}
