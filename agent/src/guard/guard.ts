import { type GuardLease, guardMustKill, guardRenewed, guardRestored, guardWaitMs } from "@lormas/lease/guard-lease.ts";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { StartGate } from "../process/start-gate.ts";
import type { GuardAnswer, GuardRequest, WireGroup } from "./guard-message.ts";
import type { GuardFile } from "./guard-record.ts";

/** How often what is left, or appears late, is killed while there is no lease. */
export const KILLING_PAUSE_MS = 20;
export const CALM_PAUSE_MS = 250;
/** How often a watchdog is petted, at the least. */
export const PET_PAUSE_MS = 200;
/** Containers that one node's guard holds. */
export const GROUPS_MAX = 10_000;

const NO_LEASE = "this node holds no lease";

/** What a guard does to the machine. */
export type GuardHands = {
  /** Stores the record; what it holds must be stored before it is confirmed. */
  store(file: GuardFile): void;
  /** One pass over these groups and everything below the HA parent; answers how many processes were found. */
  killHa(groups: readonly WireGroup[]): number;
  /** A lease holds again: what waits frozen may go on. */
  thaw(): void;
  /** Lets the copy that waits at the gate run. Throws when it does not wait there. */
  openGate(gate: StartGate): void;
  /** Holds off the reset of the host; absent without a watchdog. Not called while something is alive that must be dead. */
  pet?(): void;
  log(message: string, facts?: Record<string, unknown>): void;
};

/** Holds the deadline of a node's HA containers and kills them when it passes; it never asks the agent whether it may. */
export class Guard {
  readonly #bootId: string;
  readonly #clock: BootClock;
  readonly #timers: Timers;
  readonly #hands: GuardHands;
  readonly #groups: Map<string, WireGroup>;
  #lease: GuardLease;
  #killing = false;
  /** Processes that the last pass of killing found. */
  #found = 0;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: {
    readonly record: GuardFile | null;
    readonly bootId: string;
    readonly clock: BootClock;
    readonly timers: Timers;
    readonly hands: GuardHands;
  }) {
    this.#bootId = options.bootId;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#hands = options.hands;
    const { record } = options;
    this.#lease = guardRestored(record, options.bootId, options.clock.nowMs());
    const known = record?.bootId === options.bootId ? record.groups : [];
    this.#groups = new Map(known.map((group) => [group.containerId, group]));
    if (!guardMustKill(this.#lease, this.#clock.nowMs())) this.#hands.thaw();
    this.#step();
  }

  get groups(): readonly WireGroup[] {
    return [...this.#groups.values()];
  }

  /** Answers one request; whatever it changes is stored before the answer exists. */
  handle(request: Exclude<GuardRequest, { type: "dismiss" }>): GuardAnswer {
    const { id } = request;
    const ok = { type: "ok" as const, id, ...this.#ends() };
    switch (request.type) {
      case "hello":
        return { ...ok, groups: this.groups };
      case "renew": {
        const nowMs = this.#clock.nowMs();
        const { lease: next, refused } = guardRenewed(this.#lease, request.grant, nowMs);
        if (refused !== null) return { type: "refused", id, reason: refused };
        if (next !== this.#lease) {
          // The agent freezes as well: one that was stopped past the deadline has killed nothing, and thaws all the same.
          const wasOver = this.#killing || guardMustKill(this.#lease, nowMs);
          this.#store(next);
          this.#lease = next;
          if (!guardMustKill(next, nowMs) && wasOver) {
            this.#killing = false;
            this.#hands.thaw();
            this.#hands.log("a lease holds again");
          }
          this.#step();
        }
        return { ...ok, ...this.#ends() };
      }
      case "register": {
        const { group, adopt } = request;
        const over = guardMustKill(this.#lease, this.#clock.nowMs());
        if (group.ha && over && !adopt) return { type: "refused", id, reason: NO_LEASE };
        if (this.#groups.size >= GROUPS_MAX && !this.#groups.has(group.containerId)) {
          return { type: "refused", id, reason: `the guard holds ${GROUPS_MAX} containers already` };
        }
        this.#groups.set(group.containerId, group);
        this.#store(this.#lease);
        return ok;
      }
      case "enter":
        return this.#enter(request);
      case "leaving":
        return ok;
      case "forget":
        if (this.#groups.delete(request.containerId)) this.#store(this.#lease);
        return ok;
      default:
        return noSuchRequest(request);
    }
  }

  /** Stops watching the deadline; nothing is killed any more. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** The lease is looked at here, by this process, and nothing comes between this look and the open gate. */
  #enter({ id, containerId, epoch, session }: Extract<GuardRequest, { type: "enter" }>): GuardAnswer {
    const refused = (reason: string): GuardAnswer => ({ type: "refused", id, reason });
    const group = this.#groups.get(containerId);
    if (!group) return refused(`container ${containerId} was not handed over`);
    if (group.gate.epoch !== epoch || group.gate.session !== session) {
      return refused(`epoch ${group.gate.epoch} of session ${group.gate.session} waits, not ${epoch} of ${session}`);
    }
    if (group.ha && guardMustKill(this.#lease, this.#clock.nowMs())) return refused(NO_LEASE);
    try {
      this.#hands.openGate(group.gate);
    } catch (error) {
      return refused(`it does not wait at its gate: ${error instanceof Error ? error.message : String(error)}`);
    }
    return { type: "ok", id, ...this.#ends() };
  }

  #store(lease: GuardLease): void {
    this.#hands.store({ ...lease, bootId: this.#bootId, groups: this.groups });
  }

  #ends(): { deadlineMs: number | null; softEndMs: number | null } {
    const { deadlineMs, softEndMs, fenced } = this.#lease;
    return { deadlineMs: fenced ? deadlineMs : null, softEndMs };
  }

  #step(): void {
    this.#cancel();
    if (this.#closed) return;
    const nowMs = this.#clock.nowMs();
    let left = false;
    let pauseMs = Math.min(this.#timers.trustedMs, guardWaitMs(this.#lease, nowMs));
    if (guardMustKill(this.#lease, nowMs)) {
      const found = this.#hands.killHa(this.groups.filter((group) => group.ha));
      if (found !== this.#found || !this.#killing) this.#hands.log("no lease: killing", { processes: found });
      this.#found = found;
      this.#killing = true;
      pauseMs = found > 0 ? KILLING_PAUSE_MS : CALM_PAUSE_MS;
      left = found > 0;
    }
    if (this.#hands.pet) {
      // What does not die within the watchdog's timeout, at most K, dies with its host: others may start it from then on.
      if (!left) this.#hands.pet();
      pauseMs = Math.min(pauseMs, PET_PAUSE_MS);
    }
    this.#cancel = this.#timers.after(pauseMs, () => this.#step());
  }
}

function noSuchRequest(request: never): never {
  throw new Error(`unknown request ${JSON.stringify(request)}`);
}
