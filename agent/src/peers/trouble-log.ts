import type { Logger } from "pino";
import type { BootClock } from "../clock/clock.ts";

/** The same trouble of the same thing is said again after this. */
const SAID_AGAIN_MS = 30_000;
/** Another trouble of the same thing is said after this at the earliest. */
const NEWS_AFTER_MS = 1_000;
/** Things that are remembered; above it the oldest is forgotten. */
const REMEMBERED_MAX = 256;

/** Says what goes wrong in the network, each kind once in a while, so that a storm fills no disk. */
export class TroubleLog {
  readonly #log: Logger;
  readonly #clock: BootClock;
  readonly #said = new Map<string, { text: string; atMs: number; leftOut: number }>();

  constructor(log: Logger, clock: BootClock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** One trouble of a thing; another text of the same thing is news, but not in the same second. */
  say(thing: string, text: string, facts: object): void {
    const nowMs = this.#clock.nowMs();
    const before = this.#said.get(thing);
    if (before && nowMs - before.atMs < (before.text === text ? SAID_AGAIN_MS : NEWS_AFTER_MS)) {
      before.leftOut += 1;
      return;
    }
    this.#said.delete(thing);
    this.#said.set(thing, { text, atMs: nowMs, leftOut: 0 });
    if (this.#said.size > REMEMBERED_MAX) {
      const [oldest] = this.#said.keys();
      if (oldest !== undefined) this.#said.delete(oldest);
    }
    this.#log.warn({ ...facts, ...(before && before.leftOut > 0 ? { leftOut: before.leftOut } : {}) }, text);
  }

  /** The thing is well again: its next trouble is news. */
  well(thing: string): void {
    this.#said.delete(thing);
  }
}
