import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Logger } from "pino";
import type { Clock } from "../../runtime/clock.ts";
import { apiError } from "../api-error.ts";
import type { Health, NumberedChange, WatchSource } from "./watch-source.ts";
import type { WatchView } from "./watch-view.ts";
import { WatcherQueue } from "./watcher-queue.ts";

/** Changes that may wait for one watcher; the next one ends it. */
export const WATCHER_CHANGES_MAX = 10_000;
/** Events in a row that one who comes from further back may not see; with as many his watch ends. */
export const UNSEEN_MAX = 10_000;
/** Watchers at once. */
export const WATCHERS_MAX = 2_000;
/** Changes that are read at once. */
export const PAGE_CHANGES_MAX = 500;
/** Between the first pages of two rounds of health, at least. */
export const HEALTH_INTERVAL_MS = 2_000;
/** Between two pages of a round: reading and sending one keeps the process busy for some milliseconds. */
export const HEALTH_PAGE_PAUSE_MS = 250;
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
  readonly unseenMax?: number;
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
  readonly #unseenMax: number;
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
  /** Whose pages are read; another one has begun, or nobody watches, where it is not one's own. */
  #healthRound: object | null = null;
  #roundBegunMs = 0;
  readonly #unsubscribe: () => void;

  constructor(options: WatchHubOptions) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#changesMax = options.changesMax ?? WATCHER_CHANGES_MAX;
    this.#unseenMax = options.unseenMax ?? UNSEEN_MAX;
    this.#watchersMax = options.watchersMax ?? WATCHERS_MAX;
    this.#unsubscribe = this.#source.onCommitted(() => this.#pump());
  }

  /** How many watch now. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /**
   * Streams what follows `after` (null: from now on): first `opened`, then every change that `view` shows, in order, and health in
   * between. Where the view shows nothing of a page, or nothing since the last health, `progress` says how far it has come.
   * Ends when the signal fires. Throws `too_far_behind` (also for a number that was never given, and for one who comes from so far back
   * that the view shows none of UNSEEN_MAX in a row), `watchers_full`, `shutting_down`.
   */
  async *watch(after: bigint | null, signal: AbortSignal, view: WatchView): AsyncGenerator<WatchMessage> {
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
      // What is no longer kept is refused before the stream stands: a caller that comes back by itself would come for ever.
      let first = position < newest ? await this.#pageAfter(position) : null;
      yield { message: { case: "opened", value: { asOf: position } } };
      // The last change that was told; and up to where the caller knows that he need not ask again.
      let told = position;
      let known = position;
      // Between the comparison and joining nothing can happen, so that no change falls between the two.
      while (!signal.aborted && !this.#stopped && position < (this.#cursor ?? 0n)) {
        const page = first ?? (await this.#pageAfter(position));
        first = null;
        for (const entry of page) {
          if (entry.sequence !== position + 1n) throw noLongerKept(position);
          position = entry.sequence;
          const shown = view.change(entry);
          if (shown === null) continue;
          yield changeMessage(shown, told);
          told = position;
          known = position;
        }
        if (position === known) continue;
        yield progressMessage(position);
        known = position;
        // Others' events cost as much to read as his own: rather than through all of them he comes by a list.
        if (position - told >= this.#unseenMax && position < (this.#cursor ?? 0n))
          throw nothingToShow(position, this.#unseenMax);
      }
      if (this.#stopped) throw stopping();
      this.#live.set(queue, position);
      if (this.#health !== null) queue.offerHealth(this.#health);
      this.#pump();
      for (let item = await queue.next(); item !== null; item = await queue.next()) {
        if (item.kind === "health") {
          if (position > known) {
            yield progressMessage(position);
            known = position;
          }
          yield { message: { case: "health", value: view.health(item.health) } };
          continue;
        }
        position = item.change.sequence;
        const shown = view.change(item.change);
        if (shown === null) continue;
        yield changeMessage(shown, told);
        told = position;
        known = position;
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

  /** At least the change that follows; throws `too_far_behind` when that one is no longer kept. */
  async #pageAfter(position: bigint): Promise<NumberedChange[]> {
    const page = await this.#source.changesAfter(position, PAGE_CHANGES_MAX);
    if (page[0]?.sequence !== position + 1n) throw noLongerKept(position);
    return page;
  }

  #begin(cursor: bigint): void {
    this.#cursor = cursor;
    this.#gapSinceMs = null;
    this.#armPoll();
    void this.#sampleHealth();
  }

  #rest(): void {
    this.#cursor = null;
    this.#health = null;
    this.#healthRound = null;
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

  // Page after page, and then from the first one again, until nobody watches.
  async #sampleHealth(): Promise<void> {
    const round = {};
    this.#healthRound = round;
    for (let after = ""; ; ) {
      const begunMs = this.#clock.bootMs();
      if (after === "") this.#roundBegunMs = begunMs;
      try {
        const { health, next } = await this.#source.health(after);
        if (this.#healthRound !== round) return;
        this.#health = health;
        for (const queue of this.#live.keys()) queue.offerHealth(health);
        after = next ?? "";
      } catch (error) {
        if (this.#healthRound !== round) return;
        this.#log.warn({ err: error }, "health could not be read");
        after = "";
      }
      const dueMs = after === "" ? this.#roundBegunMs + HEALTH_INTERVAL_MS : begunMs + HEALTH_PAGE_PAUSE_MS;
      await new Promise<void>((resolve) => {
        this.#cancelHealth = this.#clock.schedule(Math.max(0, dueMs - this.#clock.bootMs()), resolve);
      });
    }
  }
}

function changeMessage(change: NumberedChange["change"], follows: bigint): WatchMessage {
  return { message: { case: "change", value: { ...change, follows } } };
}

function progressMessage(asOf: bigint): WatchMessage {
  return { message: { case: "progress", value: { asOf } } };
}

function nothingToShow(position: bigint, unseen: number): Error {
  return apiError(
    "too_far_behind",
    `None of the ${unseen} events before ${position} is for this caller, and more follow.`,
  );
}

function noLongerKept(position: bigint): Error {
  return apiError("too_far_behind", `The event after ${position} is no longer kept.`);
}

function stopping(): Error {
  return apiError("shutting_down", "The coordinator is stopping.");
}
