import {
  type AgentLease,
  ackReceived,
  confirmation,
  hardEndMs,
  heartbeatSent,
  mayStart,
  NO_LEASE,
} from "@lormas/lease/agent-lease.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";

/** While the lease is over, what may appear late is looked for this often. */
const ENFORCE_PAUSE_MS = 100;
/** Longest pause before the clock is read again: machine timers stop in suspend, the boot clock does not. */
const CHECK_PAUSE_MAX_MS = 500;

/**
 * Holds this node's lease. A grant counts only once the guard has stored its deadline; and at the hard end this process
 * kills as the guard does, so that one of the two alive is enough.
 */
export class LeaseKeeper {
  readonly #clock: BootClock;
  readonly #timers: Timers;
  readonly #guard: GuardLink;
  readonly #enforce: () => void;
  #lease: AgentLease = NO_LEASE;
  #cancel: () => void = () => undefined;
  #closed = false;

  /** `enforce` kills every HA container of this node by itself; it is called again and again while there is no lease. */
  constructor(options: {
    readonly clock: BootClock;
    readonly timers: Timers;
    readonly guard: GuardLink;
    readonly enforce: () => void;
  }) {
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#guard = options.guard;
    this.#enforce = options.enforce;
    this.#schedule();
  }

  /** Notes that a heartbeat is about to be sent; call it before the message is handed to the network. */
  sending(sequence: bigint): void {
    this.#lease = heartbeatSent(this.#lease, sequence, this.#clock.nowMs());
  }

  /** Takes an acknowledgement: first the guard stores the new deadline, then the lease is extended. */
  async acknowledged(sequence: bigint, policy: LeasePolicy): Promise<void> {
    const answered = this.#lease.sent.find((heartbeat) => heartbeat.sequence === sequence);
    if (!answered) return;
    if (!(await this.#guard.renew(answered.sentMs + policy.leaseMs, policy.killMs))) return;
    this.#lease = ackReceived(this.#lease, sequence, policy, this.#clock.nowMs());
    this.#schedule();
  }

  /** True before the soft end. */
  mayStart(): boolean {
    return mayStart(this.#lease, this.#clock.nowMs());
  }

  /** What the next heartbeat says of the lease. */
  confirmation(): { heldForMs: number; remainingMs: number; lastAckSeen: bigint } {
    return { ...confirmation(this.#lease, this.#clock.nowMs()), lastAckSeen: this.#lease.lastAckSeen };
  }

  /** Boot time from which on HA containers are killed: this lease's hard end, or the one that the guard still holds. */
  deadlineMs(): number | null {
    const own = hardEndMs(this.#lease);
    const held = this.#guard.deadlineMs;
    return own === null ? held : Math.max(own, held ?? own);
  }

  /** Ends the enforcement: nothing that runs is this node's any more. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel();
    if (this.#closed) return;
    const deadline = this.deadlineMs();
    const leftMs = deadline === null ? CHECK_PAUSE_MAX_MS : deadline - this.#clock.nowMs();
    const pauseMs = leftMs <= 0 ? ENFORCE_PAUSE_MS : Math.min(CHECK_PAUSE_MAX_MS, leftMs);
    this.#cancel = this.#timers.after(pauseMs, () => {
      const end = this.deadlineMs();
      // Without a deadline there never was a lease in this boot: no HA container can have been started under one.
      if (end !== null && this.#clock.nowMs() >= end) this.#enforce();
      this.#schedule();
    });
  }
}
