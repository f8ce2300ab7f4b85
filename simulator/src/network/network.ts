import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import { Pipe } from "./pipe.ts";

/** How far a segment travels on a link without a fault. */
const LATENCY_MIN_MS = 0.2;
const LATENCY_MAX_MS = 3;
/** What the loss of a segment costs: TCP sends it again after its retransmission timeout, which doubles. */
const RESEND_MIN_MS = 200;
const RESEND_MAX_MS = 3_000;
/** After a link is whole again, until the next retransmission: TCP's timeout has doubled for as long as the cut lasted. */
const HEAL_MIN_MS = 1;
const HEAL_LEAST_MS = 1_000;
const HEAL_MOST_MS = 60_000;

/** One direction between two hosts. */
export type Link = {
  /** Faults that cut this direction at the moment. */
  cuts: number;
  /** Of these cuts: those that keepalive does not see, since something in between answers it. */
  unseenCuts: number;
  /** Share of segments that are lost. */
  loss: number;
  delayMaxMs: number;
  /** Share of heartbeats and acknowledgements that come once more, late, and of those that come late alone. */
  duplicates: number;
  /** By how much all of those are late; null: each by as much as it happens to be. */
  duplicatesLateMs: number | null;
  /** Share of commands that are late, so that others overtake them, or come once more. */
  lateCommands: number;
  /** Share of commands, results, their acknowledgements and goodbyes that come once more, late, in whatever stream there is. */
  repeats: number;
  /** Command streams are held up for so long at most while heartbeats pass them. */
  strayMaxMs: number;
  /**
   * True time since which nothing is lost or late here, minus infinity when nothing ever was; and since which it is cut.
   * Infinite while that is not so.
   */
  wholeSinceMs: number;
  cutSinceMs: number;
  readonly pipes: Set<Pipe>;
};

/** What a link does besides carrying. */
export type Disturbance = Partial<
  Pick<Link, "loss" | "delayMaxMs" | "duplicates" | "duplicatesLateMs" | "lateCommands" | "repeats" | "strayMaxMs">
>;

/** How late a duplicate, or a command that others overtake, comes at most. */
const LATE_MAX_MS = 30_000;
/** Of commands that are late: those that have come in time as well. */
const LATE_AGAIN = 0.3;

/** What lies between hosts: a link a direction, which may be cut, lossy or slow. Whoever is not named here is never cut. */
export class Network {
  readonly time: SimulatedClock;
  readonly #random: SeededRandom;
  /** By the host it begins at, then by the one it ends at. */
  readonly #links = new Map<string, Map<string, Link>>();
  readonly #onCut = new Set<(from: string, to: string) => void>();

  constructor(time: SimulatedClock, random: SeededRandom) {
    this.time = time;
    this.#random = random;
  }

  /** A way for segments of one connection, in order. */
  pipe(from: string, to: string): Pipe {
    const link = this.link(from, to);
    const pipe = new Pipe(this, link, to, () => link.pipes.delete(pipe));
    link.pipes.add(pipe);
    return pipe;
  }

  cut(from: string, to: string, how: "seen" | "unseen" = "seen"): void {
    const link = this.link(from, to);
    if (how === "unseen") link.unseenCuts += 1;
    link.cuts += 1;
    this.#changed(link);
    for (const listener of [...this.#onCut]) listener(from, to);
  }

  heal(from: string, to: string, how: "seen" | "unseen" = "seen"): void {
    const link = this.link(from, to);
    if (how === "unseen") link.unseenCuts -= 1;
    link.cuts -= 1;
    const waitMaxMs = Math.min(HEAL_MOST_MS, Math.max(HEAL_LEAST_MS, this.time.nowMs() - link.cutSinceMs));
    this.#changed(link);
    if (link.cuts > 0) return;
    for (const pipe of [...link.pipes]) pipe.resendAfter(this.#random.between(HEAL_MIN_MS, waitMaxMs));
  }

  /** Segments of this direction get lost, or are late, until it is set back to zero. */
  disturb(from: string, to: string, change: Disturbance): void {
    const link = this.link(from, to);
    Object.assign(link, change);
    this.#changed(link);
  }

  /** Calls back whenever a direction is cut; returns the way to stop that. */
  onCut(listener: (from: string, to: string) => void): () => void {
    this.#onCut.add(listener);
    return () => this.#onCut.delete(listener);
  }

  /** How long the next segment travels. */
  travelMs({ loss, delayMaxMs }: Link): number {
    let travelMs = this.#random.between(LATENCY_MIN_MS, LATENCY_MAX_MS);
    if (delayMaxMs > 0) travelMs += this.#random.logBetween(1, delayMaxMs);
    while (loss > 0 && this.#random.chance(loss)) travelMs += this.#random.between(RESEND_MIN_MS, RESEND_MAX_MS);
    return travelMs;
  }

  /** How late one more copy of a message comes; null: there is none. TCP makes none: this is against what it promises. */
  duplicateAfterMs({ duplicates, duplicatesLateMs }: Link): number | null {
    if (duplicates === 0 || !this.#random.chance(duplicates)) return null;
    return duplicatesLateMs ?? this.#random.logBetween(1, LATE_MAX_MS);
  }

  /** When a command that arrives now is taken up, each time: once and now, where nothing is wrong. */
  commandAfterMs({ lateCommands }: Link): readonly number[] {
    if (lateCommands === 0 || !this.#random.chance(lateCommands)) return [0];
    const lateMs = this.#random.logBetween(1, LATE_MAX_MS);
    return this.#random.chance(LATE_AGAIN) ? [0, lateMs] : [lateMs];
  }

  /** How late a message of a command stream comes once more; null: it does not. */
  repeatAfterMs({ repeats }: Link): number | null {
    return repeats > 0 && this.#random.chance(repeats) ? this.#random.logBetween(1, LATE_MAX_MS) : null;
  }

  /** How long a message of a command stream is held up besides. */
  strayMs({ strayMaxMs }: Link): number {
    return strayMaxMs > 0 ? this.#random.logBetween(1, strayMaxMs) : 0;
  }

  /** The same object for the same two hosts. */
  link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (!links) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (!link) {
      link = {
        cuts: 0,
        unseenCuts: 0,
        loss: 0,
        delayMaxMs: 0,
        duplicates: 0,
        duplicatesLateMs: null,
        lateCommands: 0,
        repeats: 0,
        strayMaxMs: 0,
        wholeSinceMs: Number.NEGATIVE_INFINITY,
        cutSinceMs: Number.POSITIVE_INFINITY,
        pipes: new Set(),
      };
      links.set(to, link);
    }
    return link;
  }

  #changed(link: Link): void {
    const nowMs = this.time.nowMs();
    const isWhole = link.cuts === 0 && link.loss === 0 && link.delayMaxMs === 0;
    link.wholeSinceMs = isWhole ? Math.min(link.wholeSinceMs, nowMs) : Number.POSITIVE_INFINITY;
    link.cutSinceMs = link.cuts > 0 ? Math.min(link.cutSinceMs, nowMs) : Number.POSITIVE_INFINITY;
  }
}
