import { type Place, THE_FLEET } from "../../permissions/grant.ts";
import type { HealthPage, NumberedChange, WatchSource } from "./watch-source.ts";

/** A source in memory: numbers what it is given, keeps what is not forgotten, and can fail, lag or lose on wish. */
export class FakeWatchSource implements WatchSource {
  #kept: NumberedChange[] = [];
  #newest = 0n;
  readonly #callbacks = new Set<() => void>();
  /** Reads that fail, one after the other, before they work again. */
  failures = 0;
  /** How often changes were read. */
  reads = 0;
  /** Names of nodes, in order: a page of health each. */
  healthPages: readonly string[] = [];
  /** Where what is committed next happens. */
  place: Place = THE_FLEET;
  /** Waited for before each read, so that a test decides how reads and commits interleave. */
  beforeRead: () => Promise<void> = async () => {};

  /** Commits one change; tells of it unless `quiet`. */
  commit(quiet = false): void {
    this.#newest += 1n;
    const sequence = this.#newest;
    const places = { event: this.place, node: null, container: null };
    this.#kept.push({ sequence, change: { event: { sequence, type: `event-${sequence}` } }, places });
    if (!quiet) for (const callback of this.#callbacks) callback();
  }

  /** Forgets everything up to a number. */
  forget(upTo: bigint): void {
    this.#kept = this.#kept.filter((entry) => entry.sequence > upTo);
  }

  /** Loses one number for good. */
  lose(sequence: bigint): void {
    this.#kept = this.#kept.filter((entry) => entry.sequence !== sequence);
  }

  async newest(): Promise<bigint> {
    return this.#newest;
  }

  async changesAfter(sequence: bigint, changesMax: number): Promise<NumberedChange[]> {
    this.reads += 1;
    await this.beforeRead();
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error("the database does not answer");
    }
    return this.#kept.filter((entry) => entry.sequence > sequence).slice(0, changesMax);
  }

  async health(after: string): Promise<HealthPage> {
    const page = this.healthPages.findIndex((name) => name > after);
    const name = this.healthPages[page];
    const nodes = name === undefined ? [] : [{ nodeId: name, name }];
    const last = page < 0 || page === this.healthPages.length - 1;
    return { health: { sample: { nodes }, clusterOf: new Map() }, next: last ? null : (name ?? null) };
  }

  onCommitted(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }
}
