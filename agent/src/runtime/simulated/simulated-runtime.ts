import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { BootClock, Timers } from "../../clock/clock.ts";
import {
  type ContainerRuntime,
  type ContainerUsage,
  InputFault,
  type InstallRequest,
  type LogRequest,
  type ObservedContainer,
  RuntimeFault,
  type RuntimeFaultCode,
  type RuntimeLogLine,
  type StartRequest,
} from "../container-runtime.ts";
import { noTerminal, requireInputTarget } from "../input-target.ts";

/** Output lines kept per container; the oldest go first. */
const LINES_MAX = 1_000;
const FOLLOW_POLL_MS = 20;

type Copy = {
  spec: WorkloadSpec;
  epoch: bigint;
  session: bigint;
  state: "created" | "running" | "exited";
  exitCode: number | null;
  startedMs: number;
  /** Exit code of health commands. */
  health: number;
  lines: string[];
  isInstall?: boolean;
};

/**
 * A runtime that keeps its containers in memory and behaves like the others: for tests and for load, where no process is wanted.
 * Faults are set from outside.
 */
export class SimulatedRuntime implements ContainerRuntime {
  readonly kind = "simulated";
  /** How long a start takes, and the calls it has had, in order. */
  startMs = 0;
  /** How long a preparation takes; it can be cut. */
  prepareMs = 0;
  engineUp = true;
  /** What runs ignores the signal of a stop, and waits for SIGKILL. */
  stubborn = false;
  /** No process reads its input. */
  inputFull = false;
  /** What changes is told to nobody, as when an engine's events are lost. */
  silent = false;
  readonly calls: string[] = [];
  /** The next starts fail with this, until it is null again. */
  failStarts: { readonly code: RuntimeFaultCode; readonly message: string } | null = null;
  /** So many of the next readings of output break at once, as when the engine is restarted. */
  breakLogs = 0;
  /** How long an install script runs, and what it ends with. */
  installMs = 0;
  installExit = 0;
  /** A cut does not reach a script that runs: it goes on, as when the engine is away at that moment. */
  installsUncut = false;
  /** What health commands of new copies answer. */
  healthOfNew = 0;
  readonly #clock: BootClock;
  readonly #timers: Timers;
  readonly #copies = new Map<string, Copy>();
  readonly #volumes = new Set<string>();
  readonly #installed = new Set<string>();
  readonly #listeners = new Set<(containerId: string) => void>();

  constructor(clock: BootClock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  /** Ids of containers whose volumes are kept. */
  get volumes(): ReadonlySet<string> {
    return this.#volumes;
  }

  /** Ends a copy as a crash would. */
  crash(containerId: string, exitCode: number): void {
    const copy = this.#copies.get(containerId);
    if (copy?.state !== "running") return;
    copy.state = "exited";
    copy.exitCode = exitCode;
    this.#tell(containerId);
  }

  /** Leaves a copy behind as an agent does that dies between creating and starting it. */
  leaveCreated(spec: WorkloadSpec, epoch: bigint, session: bigint): void {
    const fresh = { state: "created", exitCode: null, startedMs: 0, health: this.healthOfNew } as const;
    this.#copies.set(spec.containerId, { spec, epoch, session, ...fresh, lines: [] });
  }

  /** Leaves the ended copy of a script, as an agent does that dies while it runs; 0 has filled the volume. */
  leaveInstalled(spec: WorkloadSpec, epoch: bigint, session: bigint, exitCode: number): void {
    this.leaveCreated(spec, epoch, session);
    const copy = this.#copies.get(spec.containerId);
    if (copy) Object.assign(copy, { state: "exited", exitCode, isInstall: true });
    if (exitCode === 0) this.#installed.add(spec.containerId);
  }

  /** What that agent had asked for comes true late; nothing happens when the copy is gone. */
  startCreated(containerId: string): void {
    const copy = this.#copies.get(containerId);
    if (copy?.state !== "created") return;
    Object.assign(copy, { state: "running", startedMs: this.#clock.nowMs() });
    this.#tell(containerId);
  }

  /** Sets what the health command of a copy answers from now on. */
  setHealth(containerId: string, exitCode: number): void {
    const copy = this.#copies.get(containerId);
    if (copy) copy.health = exitCode;
  }

  write(containerId: string, line: string): void {
    const lines = this.#copies.get(containerId)?.lines;
    lines?.push(line);
    if (lines && lines.length > LINES_MAX) lines.shift();
  }

  async ready(): Promise<boolean> {
    return this.engineUp;
  }

  async prepare(spec: WorkloadSpec, cut?: AbortSignal): Promise<void> {
    this.#call(`prepare ${spec.containerId}`);
    if (this.prepareMs > 0) await this.#timers.sleep(this.prepareMs, cut);
    if (cut?.aborted) throw new RuntimeFault("runtime_error", `the preparation of ${spec.containerName} was cut`);
    if (spec.volumes.length > 0) this.#volumes.add(spec.containerId);
  }

  async install({ spec, epoch, session, cut, again, release }: InstallRequest): Promise<void> {
    const id = spec.containerId;
    if (this.#installed.has(id) && !again) return;
    this.#call(`install ${id} ${epoch}`);
    this.#volumes.add(id);
    this.leaveCreated(spec, epoch, session);
    try {
      await release();
      await this.#timers.sleep(this.installMs, cut);
      const isCut = cut?.aborted === true || !this.#copies.has(id);
      if (isCut) throw new RuntimeFault("install_failed", `the install script of ${spec.containerName} was cut`);
      if (this.installExit !== 0) {
        const ended = `ended with exit code ${this.installExit}`;
        throw new RuntimeFault("install_failed", `the install script of ${spec.containerName} ${ended}`);
      }
      this.#installed.add(id);
    } finally {
      if (!this.installsUncut) this.#copies.delete(id);
    }
  }

  async start({ spec, epoch, session, release }: StartRequest): Promise<void> {
    const id = spec.containerId;
    this.#call(`start ${id} ${epoch}`);
    if (this.failStarts) throw new RuntimeFault(this.failStarts.code, this.failStarts.message);
    if (this.#copies.get(id)?.state === "running") {
      throw new RuntimeFault("runtime_error", `container ${spec.containerName} runs already: stop it first`);
    }
    if (spec.volumes.length > 0) this.#volumes.add(id);
    if (this.startMs > 0) await this.#timers.sleep(this.startMs);
    await release(null);
    this.#copies.set(id, {
      spec,
      epoch,
      session,
      state: "running",
      exitCode: null,
      startedMs: this.#clock.nowMs(),
      health: this.healthOfNew,
      lines: ["started"],
    });
    this.#tell(id);
  }

  async stop(
    containerId: string,
    signal: string,
    graceMs: number,
    cut?: AbortSignal,
    command: string = "",
  ): Promise<void> {
    this.#call(`stop ${containerId} ${command || signal} ${graceMs}`);
    if (this.stubborn && graceMs > 0) await this.#timers.sleep(graceMs, cut);
    if (this.#copies.get(containerId)?.state === "created") this.#copies.delete(containerId);
    this.crash(containerId, 143);
  }

  async remove(containerId: string, removeVolumes: boolean): Promise<void> {
    this.#call(`remove ${containerId} ${removeVolumes}`);
    this.#copies.delete(containerId);
    if (removeVolumes) {
      this.#volumes.delete(containerId);
      this.#installed.delete(containerId);
    }
    this.#tell(containerId);
  }

  async list(): Promise<ObservedContainer[]> {
    this.#requireEngine();
    return [...this.#copies.keys()].flatMap((id) => this.#observe(id) ?? []);
  }

  async inspect(containerId: string): Promise<ObservedContainer | null> {
    this.#requireEngine();
    return this.#observe(containerId);
  }

  async usage(containerId: string): Promise<ContainerUsage | null> {
    const copy = this.#copies.get(containerId);
    return copy?.state === "running" ? { memoryUsedBytes: 1 << 20, cpuUsedMillis: 10 } : null;
  }

  async run(containerId: string): Promise<number> {
    return this.#copies.get(containerId)?.health ?? 1;
  }

  async *logs(containerId: string, request: LogRequest): AsyncGenerator<RuntimeLogLine> {
    const copy = this.#copies.get(containerId);
    if (!copy) throw new RuntimeFault("runtime_error", `container ${containerId} is not on this node`);
    if (this.breakLogs > 0) {
      this.breakLogs -= 1;
      throw new RuntimeFault("runtime_error", `the log of container ${containerId} ended`);
    }
    let next = request.sinceStart ? 0 : Math.max(0, copy.lines.length - request.tailLines);
    for (;;) {
      const text = copy.lines[next];
      if (text !== undefined) {
        next += 1;
        yield { at: new Date(this.#clock.nowMs()), stream: "stdout", text };
      } else if (!request.follow || request.signal.aborted) {
        return;
      } else {
        await this.#timers.sleep(FOLLOW_POLL_MS, request.signal);
      }
    }
  }

  async input(containerId: string, epoch: bigint, data: Uint8Array): Promise<void> {
    this.#requireEngine();
    requireInputTarget(this.#observe(containerId), epoch);
    const copy = this.#copies.get(containerId);
    if (this.inputFull) throw new InputFault("input_full", "its process does not read its input");
    copy?.lines.push(...Buffer.from(data).toString().split("\n").slice(0, -1));
  }

  readonly terminal: ContainerRuntime["terminal"] = noTerminal;
  readonly resize: ContainerRuntime["resize"] = async () => noTerminal();

  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #call(what: string): void {
    this.#requireEngine();
    this.calls.push(what);
    if (this.calls.length > LINES_MAX) this.calls.shift();
  }

  #requireEngine(): void {
    if (!this.engineUp) throw new RuntimeFault("runtime_error", "the engine does not answer: start it");
  }

  #tell(containerId: string): void {
    if (!this.silent) for (const listener of this.#listeners) listener(containerId);
  }

  #observe(containerId: string): ObservedContainer | null {
    const copy = this.#copies.get(containerId);
    if (!copy) return null;
    const { epoch, session, state, exitCode, spec, startedMs, isInstall = false } = copy;
    const running = state === "running";
    return {
      containerId,
      epoch,
      session,
      ha: spec.ha,
      state,
      exitCode,
      isInstall,
      detail: state === "exited" ? `ended with exit code ${exitCode}` : "",
      upMs: running ? Math.max(1, this.#clock.nowMs() - startedMs) : 0,
    };
  }
}
