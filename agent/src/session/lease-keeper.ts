import {
  type AgentLease,
  ackReceived,
  asksPeers,
  confirmation,
  heartbeatSent,
  mayRun,
  mayStart,
  membershipAdopted,
  restoredLease,
  type Vote,
  voteReceived,
} from "@lormas/lease/agent-lease.ts";
import type { GuardGrant } from "@lormas/lease/guard-lease.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Enforcement } from "./enforcement.ts";

/** While the lease is over, what may appear late is looked for this often. */
const ENFORCE_PAUSE_MS = 100;
/** Without a deadline, until one is looked for again. */
const NO_DEADLINE_PAUSE_MS = 500;

/**
 * Holds this node's lease. A grant counts only once the guard has stored its deadline; and at the hard end this process
 * kills as the guard does, so that one of the two alive is enough.
 */
export class LeaseKeeper {
  readonly #clock: BootClock;
  readonly #timers: Timers;
  readonly #guard: GuardLink;
  readonly #enforcement: Enforcement;
  #lease: AgentLease;
  #cancel: () => void = () => undefined;
  #closed = false;
  /**
   * What the agent has frozen, the agent thaws: a guard that was stopped all the while knows nothing of it. A process begins
   * with it, because the one before may have frozen, and died before its next lease.
   */
  #frozen = true;

  constructor(options: {
    readonly nodeId: string;
    /** The group as the journal has it; null before the first Welcome. */
    readonly membership: MembershipEpoch | null;
    readonly clock: BootClock;
    readonly timers: Timers;
    readonly guard: GuardLink;
    readonly enforcement: Enforcement;
  }) {
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#guard = options.guard;
    this.#enforcement = options.enforcement;
    const { deadlineMs, softEndMs } = options.guard;
    this.#lease = restoredLease(options.nodeId, options.membership, { deadlineMs, softEndMs });
    this.#schedule();
  }

  /** What this node holds at this moment; for votes and for heartbeats. */
  get lease(): AgentLease {
    return this.#lease;
  }

  /**
   * Takes up the group's new epoch, once the journal has it. Where fencing begins with it, the guard has the first deadline
   * before this resolves: the epoch must not be confirmed earlier. Rejects when the guard does not take that.
   */
  async adopt(membership: MembershipEpoch): Promise<void> {
    const next = membershipAdopted(this.#lease, membership, this.#clock.nowMs());
    if (next.hardEndMs !== this.#lease.hardEndMs && !(await this.#guard.renew(grant(next)))) {
      throw new Error("the guard did not take the first deadline of the new voting group");
    }
    this.#lease = membershipAdopted(this.#lease, membership, this.#clock.nowMs());
    this.#schedule();
  }

  /** Notes that a heartbeat is about to be sent; call it before the message is handed to the network. */
  sending(sequence: bigint): void {
    this.#lease = heartbeatSent(this.#lease, sequence, this.#clock.nowMs());
  }

  /**
   * Takes an acknowledgement: first the guard stores the new deadline, then the lease is extended. The guard is told all that
   * this node holds: after a change of policy that reaches farther than the newest grant, and a guard that was replaced meanwhile
   * has not heard of it.
   */
  async acknowledged(sequence: bigint): Promise<void> {
    const next = ackReceived(this.#lease, sequence, this.#clock.nowMs());
    if (next === this.#lease || !(await this.#guard.renew(grant(next)))) return;
    this.#lease = ackReceived(this.#lease, sequence, this.#clock.nowMs());
    this.#thaw();
    this.#schedule();
  }

  /** Takes the vote of a peer; when it prolongs what runs, the guard stores that first. */
  async voted(vote: Vote): Promise<void> {
    const next = voteReceived(this.#lease, vote, this.#clock.nowMs());
    if (next === this.#lease) return;
    if (next.hardEndMs !== this.#lease.hardEndMs && !(await this.#guard.renew(grant(next)))) return;
    // Anew, and at the time it is now: what ended meanwhile is not brought back.
    this.#lease = voteReceived(this.#lease, vote, this.#clock.nowMs());
    this.#schedule();
  }

  /** True from the soft end until the killing begins, where peers may be asked. */
  asksPeers(): boolean {
    return asksPeers(this.#lease, this.#clock.nowMs());
  }

  /** True before the soft end. */
  mayStart(): boolean {
    return mayStart(this.#lease, this.#clock.nowMs());
  }

  /** True while what runs may run on, and a crashed copy of the same epoch may be started again. */
  mayRun(): boolean {
    return mayRun(this.#lease, this.#clock.nowMs());
  }

  /** What the next heartbeat says of the lease. */
  confirmation(): { heldForMs: number; remainingMs: number; lastAckSeen: bigint } {
    return { ...confirmation(this.#lease, this.#clock.nowMs()), lastAckSeen: this.#lease.lastAckSeen };
  }

  /** Boot time from which on HA containers are killed: this lease's hard end, or the one that the guard still holds. */
  deadlineMs(): number | null {
    const own = this.#lease.hardEndMs;
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
    const leftMs = deadline === null ? NO_DEADLINE_PAUSE_MS : deadline - this.#clock.nowMs();
    const pauseMs = leftMs <= 0 ? ENFORCE_PAUSE_MS : Math.min(this.#timers.trustedMs, leftMs);
    this.#cancel = this.#timers.after(pauseMs, () => {
      const end = this.deadlineMs();
      // Without a deadline there never was a lease in this boot: no HA container can have been started under one.
      if (end !== null && this.#clock.nowMs() >= end) {
        this.#frozen = true;
        this.#enforcement.kill();
      }
      this.#schedule();
    });
  }

  #thaw(): void {
    if (!this.#frozen || !this.mayRun()) return;
    this.#frozen = !this.#enforcement.thaw();
  }
}

/** What the guard is asked to hold. Where nothing is fenced the deadline says nothing. */
function grant(lease: AgentLease): GuardGrant {
  const softEndMs = lease.softEndMs ?? 0;
  const hardEndMs = lease.hardEndMs ?? softEndMs;
  const fenced = hardEndMs !== Number.POSITIVE_INFINITY;
  return {
    deadlineMs: fenced ? hardEndMs : softEndMs,
    softEndMs,
    killMs: lease.membership?.policy.killMs ?? 0,
    fenced,
  };
}
