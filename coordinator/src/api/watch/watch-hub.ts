import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Logger } from "pino";
import type { Clock } from "../../runtime/clock.ts";
import { apiError } from "../api-error.ts";
import type { Health, NumberedChange, WatchSource } from "./watch-source.ts";
import { WatcherQueue } from "./watcher-queue.ts";

/** Changes that may wait for one watcher; the next one ends it. */
export const WATCHER_CHANGES_MAX = 10_000;
/** Watchers at once. */
export const WATCHERS_MAX = 2_000;
/** Changes that are read at once. */
export const PAGE_CHANGES_MAX = 500;
/** Between two samples of health. */
export const HEALTH_INTERVAL_MS = 2_000;
/** Between two looks for events that no callback told of. */
export const POLL_INTERVAL_MS = 1_000;
/** How long a missing number is waited for; then watchers are told to list again. */
export const GAP_WAIT_MS = 5_000;

type WatchMessage = MessageInitShape<typeof WatchResponseSchema>;

export type WatchHubOptions = {
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly changesMax?: number;
  readonly watchersMax?: number;
};

/**
 * Sends every committed event to every watcher, in order, none missing and none twice. Events are read once for all who
 * are up to date; who comes from further back reads pages of its own until it meets the others. While nobody watches,
 * nothing is read.
 */
export class WatchHub {
  readonly #source: WatchSource;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #changesMax: number;
  readonly #watchersMax: number;
  /** Everybody, up to date or not. */
  readonly #watchers = new Set<WatcherQueue>();
  /** Those who are up to date, with the sequence number up to which each has seen everything. */
  readonly #live = new Map<WatcherQueue, bigint>();
  /** Everything up to here has been given to the live ones; null while nobody watches. */
  #cursor: bigint | null = null;
  #health: Health | null = null;
  #pumping = false;
  #pumpAgain = false;
  #gapSinceMs: number | null = null;
  #stopped = false;
  #cancelPoll: () => void = () => {};
  #cancelHealth: () => void = () => {};
  readonly #unsubscribe: () => void;

  constructor(options: WatchHubOptions) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#changesMax = options.changesMax ?? WATCHER_CHANGES_MAX;
    this.#watchersMax = options.watchersMax ?? WATCHERS_MAX;
    this.#unsubscribe = this.#source.onCommitted(() => this.#pump());
  }

  /** How many watch now. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /**
   * Streams what follows `after` (null: from now on): first `opened`, then every change in order, and health in between.
   * Ends when the signal fires. Throws `too_far_behind` (also for a number that was never given), `watchers_full`,
   * `shutting_down`.
   */
  async *watch(after: bigint | null, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    if (this.#stopped) throw stopping();
    if (this.#watchers.size >= this.#watchersMax) {
      throw apiError("watchers_full", `${this.#watchersMax} watchers are served already, the most there may be.`);
    }
    const queue = new WatcherQueue(this.#changesMax, () =>
      apiError("too_far_behind", `The watcher is more than ${this.#changesMax} events behind.`),
    );
    const onAbort = (): void => queue.end(null);
    this.#watchers.add(queue);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const newest = await this.#source.newest();
      if (after !== null && after > newest) {
        throw apiError("too_far_behind", `Event ${after} was never committed here; the newest is ${newest}.`);
      }
      if (this.#cursor === null) this.#begin(newest);
      let position = after ?? newest;
      yield { message: { case: "opened", value: { asOf: position } } };
      // Between the comparison and joining nothing can happen, so that no change falls between the two.
      while (!signal.aborted && !this.#stopped && position < (this.#cursor ?? 0n)) {
        const page = await this.#source.changesAfter(position, PAGE_CHANGES_MAX);
        for (const entry of page) {
          if (entry.sequence !== position + 1n) throw noLongerKept(position);
          yield changeMessage(entry);
          position = entry.sequence;
        }
        if (page.length === 0) throw noLongerKept(position);
      }
      if (this.#stopped) throw stopping();
      this.#live.set(queue, position);
      if (this.#health !== null) queue.offerHealth(this.#health);
      this.#pump();
      for (let item = await queue.next(); item !== null; item = await queue.next()) {
        yield item.kind === "change" ? changeMessage(item.change) : { message: { case: "health", value: item.health } };
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#watchers.delete(queue);
      this.#live.delete(queue);
      if (this.#watchers.size === 0) this.#rest();
    }
  }

  /** Ends every watcher with `shutting_down` and reads nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#rest();
    for (const queue of this.#watchers) queue.end(stopping());
  }

  #begin(cursor: bigint): void {
    this.#cursor = cursor;
    this.#gapSinceMs = null;
    this.#armPoll();
    this.#sampleHealth();
  }

  #rest(): void {
    this.#cursor = null;
    this.#health = null;
    this.#cancelPoll();
    this.#cancelHealth();
  }

  #armPoll(): void {
    this.#cancelPoll();
    this.#cancelPoll = this.#clock.schedule(POLL_INTERVAL_MS, () => {
      this.#pump();
      if (this.#cursor !== null) this.#armPoll();
    });
  }

  #pump(): void {
    if (this.#cursor === null || this.#stopped) return;
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = true;
    this.#readToTheEnd()
      .catch((error: unknown) => this.#log.warn({ err: error }, "events could not be read; watchers wait"))
      .finally(() => {
        this.#pumping = false;
        // Only what a callback told of meanwhile; after an error the poll tries again.
        if (this.#pumpAgain) {
          this.#pumpAgain = false;
          this.#pump();
        }
      });
  }

  async #readToTheEnd(): Promise<void> {
    for (;;) {
      const cursor = this.#cursor;
      if (cursor === null) return;
      const page = await this.#source.changesAfter(cursor, PAGE_CHANGES_MAX);
      // Everybody left, and perhaps somebody came, while this was read.
      if (this.#cursor !== cursor || page.length === 0) return;
      for (const entry of page) {
        if (entry.sequence !== (this.#cursor ?? 0n) + 1n) return this.#onGap(entry.sequence);
        this.#gapSinceMs = null;
        this.#cursor = entry.sequence;
        for (const [queue, seen] of this.#live) if (entry.sequence > seen) queue.offer(entry);
      }
      if (page.length < PAGE_CHANGES_MAX) return;
    }
  }

  /** Numbers have no gaps: one is either about to be filled, or the store has lost an event and all must list again. */
  #onGap(next: bigint): void {
    const nowMs = this.#clock.bootMs();
    this.#gapSinceMs ??= nowMs;
    if (nowMs - this.#gapSinceMs < GAP_WAIT_MS) return;
    this.#log.error(
      { after: String(this.#cursor), next: String(next) },
      "events are missing; watchers must list again",
    );
    for (const queue of this.#live.keys()) queue.end(noLongerKept(this.#cursor ?? 0n));
    this.#live.clear();
    this.#gapSinceMs = null;
    this.#cursor = next - 1n;
  }

  #sampleHealth(): void {
    this.#cancelHealth();
    this.#source.health().then(
      (health) => {
        if (this.#cursor === null) return;
        this.#health = health;
        for (const queue of this.#live.keys()) queue.offerHealth(health);
      },
      (error: unknown) => this.#log.warn({ err: error }, "health could not be read"),
    );
    this.#cancelHealth = this.#clock.schedule(HEALTH_INTERVAL_MS, () => this.#sampleHealth());
  }
}

function changeMessage(entry: NumberedChange): WatchMessage {
  return { message: { case: "change", value: entry.change } };
}

function noLongerKept(position: bigint): Error {
  return apiError("too_far_behind", `The event after ${position} is no longer kept.`);
}

function stopping(): Error {
  return apiError("shutting_down", "The coordinator is stopping.");
}
