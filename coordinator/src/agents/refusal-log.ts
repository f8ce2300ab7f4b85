import type { Clock } from "../runtime/clock.ts";
import type { PlaneCounterName, PlaneCounters } from "./plane-counters.ts";
import type { PlaneLog } from "./plane-log.ts";

/** Between two lines of the same kind. */
const LINE_EVERY_MS = 1_000;

/**
 * Counts every refusal and logs at most one line a kind and second, with the number of those left out, so that a flood
 * fills no disk.
 */
export class RefusalLog {
  readonly #log: PlaneLog;
  readonly #clock: Clock;
  readonly #counters: PlaneCounters;
  readonly #kinds = new Map<PlaneCounterName, { loggedAtMs: number; leftOut: number }>();

  constructor(log: PlaneLog, clock: Clock, counters: PlaneCounters) {
    this.#log = log;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** One refusal of a kind; text says the thing, the reason and the next step. */
  refused(kind: PlaneCounterName, fields: object, text: string): void {
    this.#counters.add(kind);
    const nowMs = this.#clock.bootMs();
    const seen = this.#kinds.get(kind);
    if (seen !== undefined && nowMs - seen.loggedAtMs < LINE_EVERY_MS) {
      seen.leftOut += 1;
      return;
    }
    const leftOut = seen?.leftOut ?? 0;
    this.#kinds.set(kind, { loggedAtMs: nowMs, leftOut: 0 });
    this.#log.warn({ kind, ...fields, ...(leftOut > 0 ? { leftOut } : {}) }, text);
  }
}
