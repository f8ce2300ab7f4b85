import pg from "pg";
import { systemClock } from "../runtime/system-clock.ts";

/** How long one statement may stay unanswered before its connection is given up; above every statement_timeout. */
export const ANSWER_BOUND_MS = 2_500;

/**
 * A connection that gives itself up when a statement stays unanswered: the server is frozen or the network swallows
 * packets, which no statement_timeout of the server's can see. The socket is destroyed rather than the query abandoned
 * (as pg's own query_timeout does), because a connection that goes back to its pool with a rollback that was never
 * answered could carry a half-done transaction into somebody else's commit.
 */
export class BoundedClient extends pg.Client {
  // pg declares eight overloads of query; this one passes through whatever it is given.
  override query(...input: unknown[]): never {
    const answer: unknown = Reflect.apply(super.query, this, input);
    if (answer instanceof Promise) {
      const cancel = systemClock.schedule(ANSWER_BOUND_MS, () => {
        this.connection.stream.destroy(new Error(`PostgreSQL did not answer within ${ANSWER_BOUND_MS} ms`));
      });
      answer.then(cancel, cancel);
    }
    return answer as never;
  }
}
