import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { Logger } from "pino";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import { containerRecord, standingStart } from "../journal/journal-state.ts";
import type { ContainerRuntime, GuardedGroup, ObservedContainer } from "../runtime/container-runtime.ts";
import type { ContainerSlot } from "./container-slot.ts";
import { releaseStart } from "./start-release.ts";
import { specFromJson } from "./stored-spec.ts";

/** Before the first restart of a copy; doubled with every one that follows soon. */
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 30_000;
/** A copy that has run this long has forgiven its earlier crashes. */
const STABLE_MS = 60_000;
/** While nothing may run, that is looked at again after this. */
const WAIT_PAUSE_MS = 1_000;
/** A crash that the coordinator has known for longer is one that it has decided on, whatever becomes of the stream. */
const UNDECIDED_MS = 60_000;
/** How long taking over waits for a restart that is at work; it is in the inventory or in a report after that. */
const HAND_OVER_MS = 2_000;

/** Until a copy is started again, after so many restarts in a row. */
export function restartPauseMs(restarts: number): number {
  return Math.min(PAUSE_MAX_MS, FIRST_PAUSE_MS * 2 ** Math.min(restarts, 10));
}

export type CrashRestartsOptions = {
  readonly runtime: ContainerRuntime;
  readonly journal: Journal;
  readonly guard: GuardLink;
  /** Under a lease, or under votes without a gap since. */
  readonly mayRun: () => boolean;
  readonly leaving: () => boolean;
  /** Runs an operation when no other of that container does. */
  readonly exclusively: (containerId: string, operation: (slot: ContainerSlot) => Promise<void>) => Promise<void>;
  /** A copy runs again: its health is to be watched. */
  readonly restarted: (spec: WorkloadSpec) => void;
  readonly clock: BootClock;
  readonly timers: Timers;
  readonly log: Logger;
};

type Crash = { restarts: number; seenMs: number; startedMs: number; waiting: boolean; cancel: () => void };

/**
 * Starts crashed copies of HA containers again, in the same epoch and session, while no coordinator is there to decide: the
 * first after one second, then after 2, 4 … 30. While a command stream is attached the coordinator decides alone.
 */
export class CrashRestarts {
  readonly #options: CrashRestartsOptions;
  /** By container; forgotten when the copy is not to run here any more. */
  readonly #crashes = new Map<string, Crash>();
  readonly #atWork = new Set<Promise<void>>();
  #attached = false;
  #closed = false;

  constructor(options: CrashRestartsOptions) {
    this.#options = options;
  }

  /** A copy was seen that has ended. Anything else than a crashed HA copy that should run here is let be. */
  seen(observed: ObservedContainer): void {
    if (this.#closed || !this.#isDue(observed)) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const before = this.#crashes.get(observed.containerId);
    if (before?.waiting) return;
    const isStable = before !== undefined && nowMs - before.startedMs >= STABLE_MS;
    const restarts = before && !isStable ? before.restarts : 0;
    const crash: Crash = { restarts, seenMs: nowMs, startedMs: 0, waiting: true, cancel: () => undefined };
    this.#crashes.set(observed.containerId, crash);
    if (!this.#attached) this.#arm(observed.containerId, crash, restartPauseMs(restarts));
  }

  /** The coordinator decides from now on. Resolves once no restart is at work any more, or HAND_OVER_MS have passed. */
  async attached(): Promise<void> {
    this.#attached = true;
    for (const crash of this.#crashes.values()) crash.cancel();
    const end = new AbortController();
    const bound = this.#options.timers.sleep(HAND_OVER_MS, end.signal);
    await Promise.race([Promise.all(this.#atWork), bound]);
    end.abort();
  }

  /** No coordinator decides any more: what has crashed lately and was not started again is this node's again. */
  detached(): void {
    if (!this.#attached) return;
    this.#attached = false;
    const nowMs = this.#options.clock.nowMs();
    for (const [containerId, crash] of this.#crashes) {
      if (!crash.waiting) continue;
      if (nowMs - crash.seenMs > UNDECIDED_MS) this.#crashes.delete(containerId);
      else this.#arm(containerId, crash, restartPauseMs(crash.restarts));
    }
  }

  /** A command has started, stopped or removed the container: what crashed before is settled. */
  settled(containerId: string): void {
    this.#crashes.get(containerId)?.cancel();
    this.#crashes.delete(containerId);
  }

  close(): void {
    this.#closed = true;
    for (const crash of this.#crashes.values()) crash.cancel();
    this.#crashes.clear();
  }

  // The journal says that this very copy should run here: started, not closed, of the present session.
  #isDue({ containerId, epoch, session, ha, state }: ObservedContainer): boolean {
    const { journal, leaving } = this.#options;
    if (leaving() || !ha || state !== "exited") return false;
    const standing = standingStart(journal.state, containerId);
    return standing !== null && standing.epoch === epoch && standing.session === session;
  }

  #arm(containerId: string, crash: Crash, pauseMs: number): void {
    crash.cancel();
    crash.cancel = this.#options.timers.after(pauseMs, () => {
      if (this.#attached || this.#closed || this.#crashes.get(containerId) !== crash) return;
      if (!this.#options.mayRun()) return this.#arm(containerId, crash, WAIT_PAUSE_MS);
      const work = this.#restart(containerId, crash).finally(() => this.#atWork.delete(work));
      this.#atWork.add(work);
    });
  }

  async #restart(containerId: string, crash: Crash): Promise<void> {
    const { clock, log } = this.#options;
    try {
      const spec = await this.#start(containerId);
      if (!spec) {
        if (this.#crashes.get(containerId) === crash && crash.waiting) this.#crashes.delete(containerId);
        return;
      }
      crash.restarts += 1;
      crash.startedMs = clock.nowMs();
      crash.waiting = false;
      log.warn(
        { containerId, restarts: crash.restarts },
        `container ${spec.containerName} had crashed while no coordinator is there: it was started again`,
      );
    } catch (error) {
      crash.restarts += 1;
      const pauseMs = restartPauseMs(crash.restarts);
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ containerId, reason, pauseMs }, "a crashed container could not be started again");
      if (!this.#attached && this.#crashes.get(containerId) === crash) this.#arm(containerId, crash, pauseMs);
    }
  }

  /** Starts the copy if it is still due; null when it is not. */
  async #start(containerId: string): Promise<WorkloadSpec | null> {
    const { runtime, journal, guard, leaving, mayRun } = this.#options;
    let spec: WorkloadSpec | null = null;
    await this.#options.exclusively(containerId, async (slot) => {
      const observed = await runtime.inspect(containerId);
      // Attached meanwhile: the inventory tells the coordinator, which decides.
      if (this.#attached || this.#closed || !observed || !this.#isDue(observed)) return;
      const { started } = containerRecord(journal.state, containerId);
      const again = specFromJson(started?.spec);
      const { epoch, session } = observed;
      const by = { journal, guard, mayStart: mayRun, leaving };
      const permit = () => releaseStart({ containerId, epoch, session }, again, null, by);
      const release = async (group: GuardedGroup | null) => {
        await releaseStart({ containerId, epoch, session }, again, group, by);
        slot.appearing = true;
      };
      await runtime.start({ spec: again, epoch, session, permit, release }).finally(() => {
        slot.appearing = false;
      });
      spec = again;
      this.#options.restarted(again);
    });
    return spec;
  }
}
