import type { Clock } from "../runtime/clock.ts";
import type { AuditEntry } from "./audit-entry.ts";

/** How long equal denials are counted before they become an entry, milliseconds. */
export const DENIAL_WINDOW_MS = 60_000;
/** Different denials of one actor that may begin at once, and how many more each minute; all anonymous callers are one. */
export const PER_ACTOR = { burst: 60, perMinute: 10 } as const;
/** The same for all actors together. */
export const IN_ALL = { burst: 600, perMinute: 60 } as const;

/** A denial, without what makes it an entry. */
export type Denial = Omit<AuditEntry, "decision" | "counted" | "after">;

type Window = { denial: Denial; count: number; since: Date };

/**
 * Makes entries of denials without letting them fill the database. The first of its kind becomes an entry at once; what equals
 * it (actor, address, method, object, error) within the next minute is counted, and becomes one entry when that minute ends. Past
 * PER_ACTOR or IN_ALL, denials of all kinds are counted together, those of anonymous callers apart, and become one entry a
 * minute. So no more than 2 × (burst + perMinute × minutes) + 2 × minutes entries are ever written, and none is lost but those
 * counted within the last minute before a crash.
 */
export class DenialLedger {
  readonly #write: (entry: AuditEntry) => void;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();
  readonly #actors = new Map<string, Allowance>();
  readonly #all: Allowance;
  #cancels = new Set<() => void>();

  /** `write` must not throw. */
  constructor(write: (entry: AuditEntry) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#all = new Allowance(IN_ALL, clock.bootMs());
  }

  /** Different denials that are being counted now. */
  get openCount(): number {
    return this.#windows.size;
  }

  note(denial: Denial): void {
    const { actor, method, object, outcome } = denial;
    const anonymous = actor.kind === "anonymous";
    const who = anonymous ? "anonymous" : `${actor.kind} ${actor.id} ${actor.name}`;
    const key = JSON.stringify([who, actor.address, method, object.kind, object.name, outcome]);
    const open = this.#windows.get(key);
    if (open !== undefined) {
      open.count += 1;
      open.denial = denial;
      return;
    }
    const nowMs = this.#clock.bootMs();
    if (this.#allowanceOf(who, nowMs).has(nowMs) && this.#all.has(nowMs)) {
      this.#allowanceOf(who, nowMs).take();
      this.#all.take();
      this.#open(key, denial, 0);
      this.#write({ ...denial, decision: "denied", counted: null, after: null });
      return;
    }
    const overflow = anonymous ? "too many anonymous" : "too many";
    const counting = this.#windows.get(overflow);
    if (counting !== undefined) counting.count += 1;
    else this.#open(overflow, overflowOf(denial, anonymous), 1);
  }

  /** Makes entries of what has been counted, and counts on from nothing. For the end. */
  flush(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const key of [...this.#windows.keys()]) this.#close(key);
  }

  #open(key: string, denial: Denial, count: number): void {
    this.#windows.set(key, { denial, count, since: new Date(this.#clock.wallMs()) });
    const cancel = this.#clock.schedule(DENIAL_WINDOW_MS, () => {
      this.#cancels.delete(cancel);
      this.#close(key);
    });
    this.#cancels.add(cancel);
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    if (window === undefined || window.count === 0) return;
    const { denial, count, since } = window;
    this.#write({ ...denial, decision: "denied", counted: { count, since }, after: null });
  }

  #allowanceOf(who: string, nowMs: number): Allowance {
    const kept = this.#actors.get(who);
    if (kept !== undefined) return kept;
    // An actor who has been quiet for long is as good as a new one; the others are no more than there are accounts and tokens.
    for (const [name, allowance] of this.#actors) if (allowance.isFull(nowMs)) this.#actors.delete(name);
    const made = new Allowance(PER_ACTOR, nowMs);
    this.#actors.set(who, made);
    return made;
  }
}

/** Of many different ones only how many, by whom in general, and the last request's name. */
function overflowOf(denial: Denial, anonymous: boolean): Denial {
  return {
    ...denial,
    actor: { kind: anonymous ? "anonymous" : "system", id: "", name: "", tokenPrefix: "", address: "" },
    method: "system/denials",
    permission: "",
    object: { kind: "", id: "", name: "" },
    outcome: "rate_limited",
    reason: `More denials than are written one by one, of ${anonymous ? "anonymous callers" : "callers who are known"}.`,
    request: null,
  };
}

/** So many at once, and so many more each minute. */
class Allowance {
  readonly #rule: { readonly burst: number; readonly perMinute: number };
  #left: number;
  #atMs: number;

  constructor(rule: { readonly burst: number; readonly perMinute: number }, nowMs: number) {
    this.#rule = rule;
    this.#left = rule.burst;
    this.#atMs = nowMs;
  }

  has(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#left >= 1;
  }

  take(): void {
    this.#left -= 1;
  }

  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#left >= this.#rule.burst;
  }

  #fill(nowMs: number): void {
    this.#left = Math.min(this.#rule.burst, this.#left + ((nowMs - this.#atMs) * this.#rule.perMinute) / 60_000);
    this.#atMs = nowMs;
  }
}
