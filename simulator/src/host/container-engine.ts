import { RuntimeFault } from "@lormas/agent/runtime/container-runtime.ts";
import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { HostClock } from "../clock/host-clock.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { ContainerCopy } from "./container-copy.ts";

/** What a call of the engine takes without a fault; starts take longer. */
const CALL_MIN_MS = 0.5;
const CALL_MAX_MS = 8;
const START_MIN_MS = 20;
const START_MAX_MS = 250;
/** A process that is told to end does so within this. */
const TERM_MAX_MS = 400;
const EVENT_MAX_MS = 30;
/** After the engine was started anew, until its events are listened to again. */
const RELISTEN_MAX_MS = 1_500;

export type EngineParts = {
  readonly host: string;
  readonly time: SimulatedClock;
  readonly clock: HostClock;
  readonly random: SeededRandom;
  /** Told whenever a copy begins or ends to carry out instructions. */
  readonly onExecuting: (copy: ContainerCopy) => void;
  /** Told when it is asked to start a copy, before it does. */
  readonly onStartAsked: () => void;
};

/**
 * The container engine of one host and the control group that HA containers live in. The engine may be slow or stopped: what
 * it was asked then is done late, long after nobody waits for it any more. Its containers live on without it.
 */
export class ContainerEngine {
  readonly #parts: EngineParts;
  readonly #copies = new Map<number, ContainerCopy>();
  readonly #held: (() => void)[] = [];
  readonly #listeners = new Set<(containerId: string) => void>();
  readonly #ended = new Map<number, (() => void)[]>();
  /** Containers whose images are on this host. */
  readonly #pulled = new Set<string>();
  #nextId = 1;
  /** Counts lives of the machine and of the engine's process: what an earlier one had begun is not done in a later one. */
  #boots = 0;
  #restarts = 0;
  #stopped = false;
  /** The parent of HA containers is frozen: what is in it, and what lands there, does nothing. */
  #frozen = false;
  /** Calls take up to so much longer. */
  slowMaxMs = 0;
  /** The registry is slow: an image comes up to so much later. */
  pullMaxMs = 0;
  /** A process dies so long after SIGKILL at most. */
  killDelayMaxMs = 5;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** True while it takes calls and is not slow. */
  get answers(): boolean {
    return !this.#stopped && this.slowMaxMs === 0;
  }

  copies(): ContainerCopy[] {
    return [...this.#copies.values()];
  }

  /** A new listener hears of every container once, since something may have happened before it listened. */
  onEvent(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    this.#soon(EVENT_MAX_MS, RELISTEN_MAX_MS, () => {
      if (this.#listeners.has(listener)) for (const { containerId } of this.#copies.values()) listener(containerId);
    });
    return () => this.#listeners.delete(listener);
  }

  /** SIGSTOP of the engine. */
  stop(): void {
    this.#stopped = true;
  }

  /** SIGCONT: what it was asked meanwhile is done now, in any order. */
  continue(): void {
    this.#stopped = false;
    for (const work of this.#held.splice(0)) this.#soon(CALL_MIN_MS, CALL_MAX_MS, work);
  }

  /**
   * The engine's process is started anew: calls that it had not carried out are lost, its containers live on. Who listens
   * has lost the stream of events, makes a new one, and looks at everything.
   */
  restart(): void {
    this.#restarts += 1;
    this.#held.length = 0;
    this.#stopped = false;
    this.#soon(EVENT_MAX_MS, RELISTEN_MAX_MS, () => {
      for (const { containerId } of this.#copies.values()) this.#tell(containerId);
    });
  }

  /** The host has lost its power: no process is left, container objects stay on disk. */
  powerOff(): void {
    this.#boots += 1;
    this.#restarts += 1;
    this.#held.length = 0;
    this.#stopped = true;
    this.#listeners.clear();
    this.#ended.clear();
    for (const copy of this.#copies.values()) {
      if (copy.state !== "running") continue;
      Object.assign(copy, { state: "exited", exitCode: 255, dying: false });
      this.#setExecuting(copy, false);
    }
  }

  powerOn(): void {
    this.#stopped = false;
    this.#frozen = false;
  }

  /** Asks the engine for something; it is done when the engine comes to it, whoever still waits. */
  call(kind: "quick" | "start", work: () => void): void {
    if (kind === "start") this.#parts.onStartAsked();
    if (this.#stopped) {
      this.#held.push(work);
      return;
    }
    const extraMs = this.slowMaxMs > 0 ? this.#parts.random.logBetween(1, this.slowMaxMs) : 0;
    const [minMs, maxMs] = kind === "start" ? [START_MIN_MS, START_MAX_MS] : [CALL_MIN_MS, CALL_MAX_MS];
    const restarts = this.#restarts;
    this.#soon(minMs + extraMs, maxMs + extraMs, () => {
      if (restarts !== this.#restarts) return;
      if (this.#stopped) this.#held.push(work);
      else work();
    });
  }

  /** How long the image of a container that was never here takes to come from its registry; 0 when it is here. */
  pullMs(containerId: string): number {
    if (this.pullMaxMs === 0 || this.#pulled.has(containerId)) return 0;
    return this.#parts.random.logBetween(1, this.pullMaxMs);
  }

  /** The image of a container is here from now on. */
  pulled(containerId: string): void {
    this.#pulled.add(containerId);
  }

  find(containerId: string | null): ContainerCopy[] {
    return this.copies().filter((copy) => containerId === null || copy.containerId === containerId);
  }

  create(spec: WorkloadSpec, epoch: bigint, session: bigint): number {
    if (this.find(spec.containerId).length > 0) {
      throw new RuntimeFault("runtime_error", `container ${spec.containerName}: its name is in use`);
    }
    const engineId = this.#nextId++;
    const { containerId, ha } = spec;
    const { host } = this.#parts;
    const fresh = { state: "created", exitCode: null, startedMs: 0, executing: false, dying: false } as const;
    this.#copies.set(engineId, { engineId, containerId, host, spec, epoch, session, ha, ...fresh });
    return engineId;
  }

  start(engineId: number): void {
    const copy = this.#copies.get(engineId);
    if (!copy) throw new RuntimeFault("runtime_error", "there is no such container");
    if (copy.state === "running") return;
    copy.state = "running";
    copy.dying = false;
    copy.startedMs = this.#parts.clock.bootMs();
    this.#setExecuting(copy, !(copy.ha && this.#frozen));
    this.#tell(copy.containerId);
  }

  /** SIGTERM ends a process in its own time; one that is frozen hears it later. SIGKILL ends it soon. */
  kill(engineId: number, signal: string): void {
    const copy = this.#copies.get(engineId);
    if (copy?.state !== "running") return;
    if (signal === "SIGKILL") this.#killSoon(copy);
    else this.#soon(1, TERM_MAX_MS, () => copy.executing && this.#end(copy, 0));
  }

  /** Calls back when the copy does not run any more. */
  whenEnded(engineId: number, callback: () => void): void {
    const copy = this.#copies.get(engineId);
    if (copy?.state !== "running") callback();
    else this.#ended.set(engineId, [...(this.#ended.get(engineId) ?? []), callback]);
  }

  /** `docker rm -f`. */
  remove(engineId: number): void {
    const copy = this.#copies.get(engineId);
    if (!copy) return;
    if (copy.state === "running") this.#end(copy, 137);
    this.#copies.delete(engineId);
    this.#tell(copy.containerId);
  }

  /** A process ends by itself. */
  crash(containerId: string): void {
    for (const copy of this.find(containerId)) if (copy.executing) this.#end(copy, 1);
  }

  /** One pass of killing everything below the HA parent, which is frozen first by whoever may; answers what was found, and what of it afresh. */
  killHa(freeze: boolean): { readonly found: number; readonly fresh: number } {
    if (freeze) this.#frozen = true;
    const running = this.copies().filter((copy) => copy.ha && copy.state === "running");
    const fresh = running.filter(({ dying }) => !dying).length;
    for (const copy of running) this.#killSoon(copy);
    return { found: running.length, fresh };
  }

  thaw(): void {
    this.#frozen = false;
    for (const copy of this.#copies.values()) if (copy.ha && copy.state === "running") this.#setExecuting(copy, true);
  }

  #killSoon(copy: ContainerCopy): void {
    if (copy.dying) return;
    copy.dying = true;
    this.#soon(0, this.killDelayMaxMs, () => copy.dying && this.#end(copy, 137));
  }

  #end(copy: ContainerCopy, exitCode: number): void {
    if (copy.state !== "running") return;
    copy.state = "exited";
    copy.exitCode = exitCode;
    copy.dying = false;
    this.#setExecuting(copy, false);
    const waiting = this.#ended.get(copy.engineId);
    this.#ended.delete(copy.engineId);
    for (const callback of waiting ?? []) this.call("quick", callback);
    this.#tell(copy.containerId);
  }

  #setExecuting(copy: ContainerCopy, executing: boolean): void {
    if (copy.executing === executing) return;
    copy.executing = executing;
    this.#parts.onExecuting(copy);
  }

  #tell(containerId: string): void {
    const tell = (): void => {
      // A stopped engine hears of it once it goes on.
      if (this.#stopped) this.#held.push(tell);
      else for (const listener of [...this.#listeners]) listener(containerId);
    };
    this.#soon(0, EVENT_MAX_MS, tell);
  }

  #soon(minMs: number, maxMs: number, work: () => void): void {
    const { time, random, host } = this.#parts;
    const boots = this.#boots;
    time.after(random.between(minMs, maxMs), host, "engine", () => {
      if (boots === this.#boots) work();
    });
  }
}
