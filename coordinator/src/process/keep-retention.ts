import type { Logger } from "pino";
import type { Clock } from "../runtime/clock.ts";
import type { Database } from "../store/open-database.ts";
import { DEFAULT_RETENTION, forgetThePast } from "../store/retention.ts";

const EVERY_MS = 3_600_000;

/** Forgets the past once an hour. Returns the way to stop that; it resolves when nothing is being deleted any more. */
export function keepRetention(database: Database, clock: Clock, log: Logger): () => Promise<void> {
  let stopped = false;
  let cancel: () => void = () => undefined;
  let running: Promise<void> = Promise.resolve();
  const again = (): void => {
    if (stopped) return;
    cancel = clock.schedule(EVERY_MS, () => {
      running = forgetThePast(database, DEFAULT_RETENTION, clock.wallMs())
        .then((rows) => log.info({ rows }, "old rows were deleted"))
        .catch((error: unknown) => log.warn({ err: error }, "old rows were not deleted; trying again in an hour"))
        .finally(again);
    });
  };
  again();
  return async () => {
    stopped = true;
    cancel();
    await running;
  };
}
