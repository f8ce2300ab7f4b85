import { createHash, type Hash } from "node:crypto";
import type { ScheduledEvent } from "../clock/event-queue.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";

/** One thing that happened, for people. */
export type LogLine = { readonly atMs: number; readonly who: string; readonly text: string };

/** Lines kept for the timeline of a failure; the oldest go first. */
const LINES_MAX = 200_000;
/** Characters that are hashed at once. */
const CHUNK_CHARS = 1 << 16;

/**
 * What happens in a run. Off, it costs nothing; on, every event and every note goes into one digest, by which two runs of a
 * seed are compared, and notes are kept as a timeline.
 */
export class RunLog {
  readonly on: boolean;
  readonly lines: LogLine[] = [];
  readonly #time: SimulatedClock;
  readonly #hash: Hash = createHash("sha256");
  #chunk = "";

  constructor(time: SimulatedClock, on: boolean) {
    this.#time = time;
    this.on = on;
    if (on) time.onEvent((event) => this.#event(event));
  }

  /** Callers that must put a text together ask `on` first. */
  note(who: string, text: string): void {
    if (!this.on) return;
    const atMs = this.#time.nowMs();
    this.lines.push({ atMs, who, text });
    if (this.lines.length > LINES_MAX) this.lines.splice(0, LINES_MAX / 2);
    this.#add(`${atMs} ${who}: ${text}\n`);
  }

  /** SHA-256 of everything so far, hex. */
  digest(): string {
    this.#flush();
    return this.#hash.copy().digest("hex");
  }

  #event(event: ScheduledEvent): void {
    this.#add(`${event.atMs} ${event.who}/${event.what}\n`);
  }

  #add(text: string): void {
    this.#chunk += text;
    if (this.#chunk.length >= CHUNK_CHARS) this.#flush();
  }

  #flush(): void {
    this.#hash.update(this.#chunk);
    this.#chunk = "";
  }
}
