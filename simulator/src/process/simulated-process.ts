import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { Clock } from "@lormas/coordinator/runtime/clock.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";

/** Machine timers fire up to so much late. */
const TIMER_LATE_MAX_MS = 2;

export type ProcessParts = {
  readonly name: string;
  readonly time: SimulatedClock;
  readonly clock: HostClock;
  readonly random: SeededRandom;
};

/**
 * One operating-system process: whatever reaches it comes through `enter`, whatever it does outside itself goes through
 * `emit`. Stopped, it takes nothing up and sends nothing until it is continued; dead, never again.
 */
export class SimulatedProcess {
  readonly name: string;
  /** True time of its start. */
  readonly bornMs: number;
  readonly #parts: ProcessParts;
  readonly #held: (() => void)[] = [];
  readonly #unsent: (() => void)[] = [];
  readonly #atEnd = new Set<() => void>();
  readonly #atStop = new Set<() => void>();
  #state: "running" | "stopped" | "dead" = "running";
  #stopsInNextTurn = false;
  #wasStopped = false;
  /** True time of the last beginning or end of its running. */
  #changedMs: number;

  constructor(parts: ProcessParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.bornMs = parts.time.nowMs();
    this.#changedMs = this.bornMs;
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  /** Neither dead nor stopped, nor about to be. */
  get running(): boolean {
    return this.#state === "running" && !this.#stopsInNextTurn;
  }

  /** True time since which it runs without a break; infinite while it does not. */
  get runningSinceMs(): number {
    return this.running ? this.#changedMs : Number.POSITIVE_INFINITY;
  }

  /** True when it runs and has done so ever since it was started. */
  get wasNeverStopped(): boolean {
    return this.runningSinceMs === this.bornMs;
  }

  /** True when it has been stopped at some time, also one that is dead now. */
  get wasStopped(): boolean {
    return this.#wasStopped;
  }

  /** True time since which it does not run; infinite while it does. */
  get downSinceMs(): number {
    return this.running ? Number.POSITIVE_INFINITY : this.#changedMs;
  }

  /** Something reaches the process: it takes it up now, later when it is stopped, never when it is dead. */
  enter(work: () => void): void {
    if (this.#state === "dead") return;
    if (this.#state === "stopped") {
      this.#held.push(work);
      return;
    }
    if (this.#stopsInNextTurn) {
      this.#stopsInNextTurn = false;
      this.#state = "stopped";
    }
    work();
  }

  /** The process does something outside itself. */
  emit(effect: () => void): void {
    if (this.#state === "running") effect();
    else if (this.#state === "stopped") this.#unsent.push(effect);
  }

  /** SIGSTOP. With `midTurn` it first takes up one more thing, and what that makes it do is done only when it goes on. */
  stop(midTurn: boolean): void {
    if (!this.running) return;
    this.#wasStopped = true;
    this.#changedMs = this.#parts.time.nowMs();
    if (midTurn) this.#stopsInNextTurn = true;
    else this.#state = "stopped";
    for (const callback of [...this.#atStop]) callback();
  }

  /** SIGCONT: what it was about to do is done first, then it takes up what has come, in order. */
  continue(): void {
    if (this.running || this.#state === "dead") return;
    this.#changedMs = this.#parts.time.nowMs();
    this.#stopsInNextTurn = false;
    if (this.#state !== "stopped") return;
    this.#state = "running";
    for (const effect of this.#unsent.splice(0)) effect();
    for (const work of this.#held.splice(0)) this.#parts.time.after(0, this.name, "goes on", () => this.enter(work));
  }

  /** SIGKILL. */
  kill(): void {
    if (this.#state === "dead") return;
    if (this.running) this.#changedMs = this.#parts.time.nowMs();
    this.#state = "dead";
    this.#held.length = 0;
    this.#unsent.length = 0;
    const callbacks = [...this.#atEnd];
    this.#atEnd.clear();
    for (const callback of callbacks) callback();
  }

  /** What the kernel does when the process has ended, however that came; the answer lets go of it. */
  atEnd(callback: () => void): () => void {
    this.#atEnd.add(callback);
    return () => this.#atEnd.delete(callback);
  }

  /** Others look whether they still hear of the process; the answer lets go of it. */
  atStop(callback: () => void): () => void {
    this.#atStop.add(callback);
    return () => this.#atStop.delete(callback);
  }

  /** A timer on this host's clock. */
  after(delayMs: number, run: () => void): () => void {
    const { time, clock, random } = this.#parts;
    let due = true;
    const lateMs = random.next() * TIMER_LATE_MAX_MS;
    const fire = (): void => {
      if (due) run();
    };
    const cancel = time.after(clock.trueMs(Math.max(0, delayMs)) + lateMs, this.name, "timer", () => this.enter(fire));
    return () => {
      due = false;
      cancel();
    };
  }

  /** This host's clocks and this process's timers, as the coordinator takes them. */
  coordinatorClock(): Clock {
    const { clock } = this.#parts;
    return {
      bootMs: () => clock.bootMs(),
      wallMs: () => clock.wallMs(),
      schedule: (delayMs, callback) => this.after(delayMs, callback),
    };
  }
}
