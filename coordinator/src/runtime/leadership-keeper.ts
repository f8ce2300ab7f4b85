import {
  type HeldLease,
  holds,
  type LeadershipWatch,
  mayTakeOver,
  watchLeadership,
} from "../domain/leadership/leader-lease.ts";
import type { Clock } from "./clock.ts";
import { type DecisionStore, UnreadableFleetError } from "./decision-store.ts";
import type { RuntimeLog } from "./runtime-log.ts";

export type LeadershipPorts = {
  readonly store: DecisionStore;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** How this process signs: who finds its own signature in the row has proof that its predecessor is dead. */
  readonly instance: string;
  readonly ttlMs: number;
  /** This coordinator leads from now on. It grants and decides nothing before the promise has resolved. */
  readonly onElected: (term: number) => Promise<void>;
  readonly onDeposed: (reason: string) => void;
};

/** Parts of its TTL into which a leader divides its asking: with 15 s it asks every 3 s, and survives an outage of 10 s. */
const ASKS_PER_TTL = 5;
/** Until the next asking, without a lease or after one that failed. */
const RETRY_MS = 250;

/** Holds the leader's lease, or waits for it: asks five times per TTL, and at once again when that failed. */
export class LeadershipKeeper {
  readonly #ports: LeadershipPorts;
  #lease: HeldLease | null = null;
  #watch: LeadershipWatch | null = null;
  #ready = false;
  #stopped = false;
  #cancel: (() => void) | null = null;
  #asking: Promise<void> = Promise.resolve();
  /** Why this version cannot lead this fleet. */
  #unreadable: UnreadableFleetError | null = null;
  #failed = false;

  constructor(ports: LeadershipPorts) {
    this.#ports = ports;
  }

  /**
   * Resolves after the first asking; leadership may come later. Throws UnreadableFleetError when it was elected and cannot
   * take the stored fleet up; leadership is given up then.
   */
  async start(): Promise<void> {
    await this.#ask();
    if (!this.#unreadable) return;
    this.abandon();
    throw this.#unreadable;
  }

  /** The term, while the lease holds on this process's own clock and the state of the term has been read. */
  term(): number | null {
    return this.#ready && holds(this.#lease, this.#ports.clock.bootMs()) ? this.#lease.term : null;
  }

  /** The database has said that this term is over: another coordinator leads. Deposes at once, whatever the lease says. */
  overruled(term: number): void {
    if (this.#lease?.term === term) this.#depose("another coordinator leads");
  }

  /** Gives leadership up, so that a successor need not wait for the lease to run out. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#asking;
    const lease = this.#lease;
    this.#lease = null;
    if (lease) await this.#ports.store.releaseLeadership(this.#ports.instance, lease.term);
  }

  /** Stops asking and leaves the row as it is, as the end of the process would. */
  abandon(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#lease = null;
  }

  #ask(): Promise<void> {
    this.#asking = this.#askOnce()
      .then(() => {
        this.#failed = false;
      })
      .catch((error: unknown) => {
        this.#failed = true;
        this.#ports.log.warn({ error }, "leadership could not be asked for; asking again");
      })
      .finally(() => {
        if (this.#stopped) return;
        this.#cancel = this.#ports.clock.schedule(this.#pauseMs(), () => void this.#ask());
      });
    return this.#asking;
  }

  // Without a lease it asks often: at a takeover every moment counts, and so does the end of an outage.
  #pauseMs(): number {
    if (this.#unreadable) return this.#ports.ttlMs;
    const pauseMs = this.#ports.ttlMs / ASKS_PER_TTL;
    return this.#lease && this.#ready && !this.#failed ? pauseMs : Math.min(RETRY_MS, pauseMs);
  }

  async #askOnce(): Promise<void> {
    const { store, clock, instance, ttlMs } = this.#ports;
    const lease = this.#lease;
    const askedMs = clock.bootMs();
    if (lease && !holds(lease, askedMs)) this.#depose("its lease ran out before the database answered");
    if (this.#lease) {
      const renewed = await store.renewLeadership(instance, this.#lease.term);
      if (this.#stopped || !this.#lease) return;
      if (!renewed) return this.#depose("another coordinator leads");
      // A lease that ran out is not taken up again, though nobody took it: what was asked of this coordinator meanwhile was
      // refused, deadlines and recoveries among it, and only a new term begins those anew.
      if (!holds(this.#lease, clock.bootMs())) return this.#depose("its lease ran out before the database answered");
      this.#lease = { ...this.#lease, askedMs };
      return;
    }
    const record = await store.readLeadership();
    const readMs = clock.bootMs();
    if (record) {
      this.#watch = watchLeadership(this.#watch, record, readMs);
      if (!mayTakeOver(this.#watch, instance, readMs)) return;
    }
    const takenMs = clock.bootMs();
    const taken = await store.takeLeadership(record, instance, ttlMs);
    if (!taken || this.#stopped) return;
    this.#lease = { term: taken.term, askedMs: takenMs, ttlMs };
    try {
      await this.#ports.onElected(taken.term);
      this.#ready = true;
      this.#unreadable = null;
    } catch (error) {
      this.#depose("the state of the new term could not be read");
      if (error instanceof UnreadableFleetError) {
        this.#unreadable = error;
        // Another coordinator, of the version that wrote the fleet, need not wait.
        await store.releaseLeadership(instance, taken.term);
      }
      throw error;
    }
  }

  #depose(reason: string): void {
    this.#lease = null;
    this.#watch = null;
    const was = this.#ready;
    this.#ready = false;
    if (was) this.#ports.onDeposed(reason);
  }
}
