import { AsyncLocalStorage } from "node:async_hooks";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { Logger } from "pino";
import type { BootClock, Timers, WallClock } from "../../clock/clock.ts";
import { applyConfig } from "../../config-files/apply-config.ts";
import { enterCgroup, makeCgroup, removeCgroup } from "../../process/cgroup-layout.ts";
import type { NodeCgroups } from "../../process/node-cgroups.ts";
import { killPass, livingPids, signalProcess } from "../../process/process-killer.ts";
import { isRunning, PAGE_BYTES, readProcess, TICKS_PER_SECOND } from "../../process/process-table.ts";
import { gateWord, type StartGate } from "../../process/start-gate.ts";
import {
  type ContainerRuntime,
  type ContainerUsage,
  type InstallRequest,
  type LogRequest,
  type ObservedContainer,
  type PullOrder,
  RuntimeFault,
  type RuntimeLogLine,
  type StartRequest,
} from "../container-runtime.ts";
import { noTerminal, requireInputTarget } from "../input-target.ts";
import { type NodeFacts, workloadEnv } from "../workload-names.ts";
import { runCommandLine } from "./command-run.ts";
import { asFault } from "./exec-fault.ts";
import { writeInput } from "./exec-input.ts";
import { gatePath, type LaunchedProcess, launchAtGate, makeGate, removeGate, turnAway } from "./exec-launch.ts";
import { type ExecRecord, readExecRecord, removeExecRecord, writeExecRecord } from "./exec-record.ts";
import { startupOf } from "./exec-startup.ts";
import { FolderFiles } from "./folder-files.ts";
import { logSizes, readLogFiles, rotateLogFiles } from "./log-files.ts";
import { noImage } from "./no-image.ts";
import { requireFreePorts } from "./port-probe.ts";
import { signalName } from "./signal-name.ts";
import { makeVolumeFolders, volumeFolder } from "./volume-folders.ts";

/** Processes and threads that one container may have. */
const PIDS_MAX = 4_096;
/** How often processes of a former agent are looked at; those of this one tell by themselves. */
const ADOPTED_POLL_MS = 200;
const ENDING_POLL_MS = 20;
/** How long SIGKILL may take before the container is reported as unkillable. */
const KILL_MS = 5_000;
const LOG_ROTATION_MS = 30_000;

export type ExecRuntimeOptions = {
  readonly dataDir: string;
  readonly node: NodeFacts;
  readonly sharedDir: string | null;
  /** Where cgroups are made; null: processes run without limits. */
  readonly cgroups: NodeCgroups | null;
  /** Passed on to every container, so that a whole node can be found by it; null leaves it out. */
  readonly hostMark: string | null;
  readonly bootId: string;
  readonly clock: BootClock;
  readonly wall: WallClock;
  readonly timers: Timers;
  readonly log: Logger;
};

/**
 * Runs workloads as plain processes of this host, each in a session of its own, with files below
 * `<data dir>/containers/<id>/`. For development, demos and tests: it isolates nothing but resources.
 */
export class ExecRuntime implements ContainerRuntime {
  readonly kind = "exec";
  readonly #options: ExecRuntimeOptions;
  readonly #records = new Map<string, ExecRecord>();
  /** Containers whose main process is a child of this agent: its exit is told, not polled. */
  readonly #own = new Set<string>();
  readonly #stopping = new Set<string>();
  /** Ends that are being written down: what is removed must not be written again after it. */
  readonly #noting = new Map<string, Promise<void>>();
  readonly #listeners = new Set<(containerId: string) => void>();
  readonly #cpuSamples = new Map<string, { atMs: number; ticks: number }>();
  readonly #end = new AbortController();
  /** Where it was opened, which was for no command: an end is told there, not in the scope of what started the process. */
  readonly #outside = AsyncLocalStorage.snapshot();

  private constructor(options: ExecRuntimeOptions) {
    this.#options = options;
  }

  /** Opens the runtime over a data folder and adopts what a former agent left running. */
  static async open(options: ExecRuntimeOptions): Promise<ExecRuntime> {
    const runtime = new ExecRuntime(options);
    await mkdir(runtime.#root, { recursive: true, mode: 0o700 });
    for (const name of await readdir(runtime.#root)) {
      const folder = join(runtime.#root, name);
      // Launched, but its agent died before the guard let it in: it has run nothing and never will.
      // It may have died before it wrote it down, too: then nothing else tells of the process.
      const neverLetIn = turnAway(folder);
      const record = await readExecRecord(folder);
      if (record) runtime.#records.set(record.containerId, record);
      if (record && neverLetIn) await runtime.#discard(record);
      if (neverLetIn) await removeGate(folder);
    }
    void runtime.#watchAdopted();
    void runtime.#rotateLogs();
    return runtime;
  }

  get #root(): string {
    return join(this.#options.dataDir, "containers");
  }

  #folder(containerId: string): string {
    return join(this.#root, containerId);
  }

  async ready(): Promise<boolean> {
    return true;
  }

  async prepare(spec: WorkloadSpec, _cut?: AbortSignal, pull?: PullOrder): Promise<void> {
    startupOf(spec);
    noImage(spec, pull);
    await this.#makeFolders(spec);
  }

  async install({ spec }: InstallRequest): Promise<void> {
    throw new RuntimeFault(
      "unsupported_runtime",
      `container ${spec.containerName} has an install script, which runs in an image of its own, and this node runs plain ` +
        "processes: place it on a node with Docker",
    );
  }

  async start({ spec, epoch, session, permit, release, pull }: StartRequest): Promise<void> {
    const { node, clock } = this.#options;
    noImage(spec, pull);
    const id = spec.containerId;
    const commandLine = startupOf(spec);
    const before = this.#records.get(id);
    if (before && this.#lives(before)) {
      throw new RuntimeFault("runtime_error", `container ${spec.containerName} runs already: stop it first`);
    }
    if (before) await this.#killAll(before);
    await requireFreePorts(spec, node.address);
    const volumes = await this.#makeFolders(spec);
    await this.#configure(spec, permit);
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.#workFolder(id),
      LANG: "C.UTF-8",
      ...volumes,
      ...workloadEnv(spec, epoch, node, (port) => port.hostPort),
      LORMAS_NODE_BIN: process.execPath,
      ...(this.#options.hostMark === null ? {} : { LORMAS_HOST_MARK: this.#options.hostMark }),
    };
    const cgroups = this.#makeCgroups(spec);
    const folder = this.#folder(id);
    const gate: StartGate = {
      path: gatePath(folder),
      containerId: id,
      epoch: String(epoch),
      session: String(session),
    };
    await makeGate(folder).catch((error: unknown) => {
      throw asFault(error, `the gate of container ${spec.containerName} could not be made with mkfifo`);
    });
    const word = gateWord(gate);
    const logsBegan = await logSizes(folder);
    const launched = launchAtGate({ folder, workFolder: this.#workFolder(id), commandLine, word, env });
    const record: ExecRecord = {
      containerId: id,
      containerName: spec.containerName,
      epoch: gate.epoch,
      session: gate.session,
      ha: spec.ha,
      bootId: this.#options.bootId,
      pid: launched.pid,
      startTicks: launched.startTicks,
      startedMs: clock.nowMs(),
      cgroups,
      env,
      logsBegan,
      exit: null,
    };
    this.#follow(record, launched);
    try {
      enterCgroup(cgroups, launched.pid);
      await writeExecRecord(this.#folder(id), record);
      await release({
        containerId: id,
        ha: spec.ha,
        pid: launched.pid,
        startTicks: launched.startTicks,
        cgroups,
        gate,
      });
    } catch (error) {
      await this.#discard(record);
      throw asFault(error, `container ${spec.containerName} could not be started`);
    }
  }

  async stop(
    containerId: string,
    signal: string,
    graceMs: number,
    cut?: AbortSignal,
    command: string = "",
  ): Promise<void> {
    const record = this.#records.get(containerId);
    if (!record) return;
    this.#stopping.add(containerId);
    try {
      if (graceMs > 0 && this.#lives(record)) {
        this.#askToEnd(record, signal, command);
        const endMs = this.#options.clock.nowMs() + graceMs;
        while (!cut?.aborted && this.#options.clock.nowMs() < endMs && this.#pids(record).length > 0) {
          await this.#options.timers.sleep(Math.min(ENDING_POLL_MS, graceMs), cut);
        }
      }
      await this.#killAll(record);
      await this.#noteExit(containerId, record, null, "stopped");
    } finally {
      this.#stopping.delete(containerId);
    }
  }

  #askToEnd({ containerId, pid }: ExecRecord, signal: string, command: string): void {
    try {
      if (command !== "") return writeInput(this.#folder(containerId), Buffer.from(`${command}\n`));
    } catch (error) {
      this.#options.log.warn(
        { err: error, containerId },
        `its stop command could not be written, so it gets ${signal}`,
      );
    }
    signalProcess(-pid, signalName(signal));
  }

  async remove(containerId: string, removeVolumes: boolean): Promise<void> {
    await this.#noting.get(containerId);
    const record = this.#records.get(containerId);
    if (record) {
      await this.#killAll(record);
      await this.#forget(containerId);
    }
    const folder = this.#folder(containerId);
    await rm(this.#workFolder(containerId), { recursive: true, force: true });
    if (removeVolumes) {
      await rm(folder, { recursive: true, force: true });
      if (this.#options.sharedDir)
        await rm(join(this.#options.sharedDir, containerId), { recursive: true, force: true });
    }
  }

  async list(): Promise<ObservedContainer[]> {
    return [...this.#records.values()].map((record) => this.#observe(record));
  }

  async inspect(containerId: string): Promise<ObservedContainer | null> {
    const record = this.#records.get(containerId);
    return record ? this.#observe(record) : null;
  }

  async usage(containerId: string): Promise<ContainerUsage | null> {
    const record = this.#records.get(containerId);
    if (!record || !this.#lives(record)) return null;
    const processes = this.#pids(record).flatMap((pid) => readProcess(pid) ?? []);
    const ticks = processes.reduce((sum, entry) => sum + entry.cpuTicks, 0);
    const atMs = this.#options.clock.nowMs();
    const before = this.#cpuSamples.get(containerId);
    this.#cpuSamples.set(containerId, { atMs, ticks });
    const usedMs = before ? Math.max(0, ((ticks - before.ticks) * 1000) / TICKS_PER_SECOND) : 0;
    return {
      memoryUsedBytes: processes.reduce((sum, entry) => sum + entry.residentPages * PAGE_BYTES, 0),
      cpuUsedMillis: before && atMs > before.atMs ? Math.round((usedMs * 1000) / (atMs - before.atMs)) : 0,
    };
  }

  async run(containerId: string, commandLine: string, timeoutMs: number): Promise<number> {
    const record = this.#records.get(containerId);
    if (!record) throw new RuntimeFault("runtime_error", `container ${containerId} is not on this node`);
    const { timers } = this.#options;
    return runCommandLine(commandLine, { cwd: this.#workFolder(containerId), env: record.env, timeoutMs, timers });
  }

  logs(containerId: string, request: LogRequest): AsyncIterable<RuntimeLogLine> {
    const { wall, timers } = this.#options;
    const began = this.#records.get(containerId)?.logsBegan;
    return readLogFiles(this.#folder(containerId), request, wall, timers, began);
  }

  async input(containerId: string, epoch: bigint, data: Uint8Array): Promise<void> {
    const record = this.#records.get(containerId);
    requireInputTarget(record ? this.#observe(record) : null, epoch);
    writeInput(this.#folder(containerId), data);
  }

  readonly terminal: ContainerRuntime["terminal"] = noTerminal;
  readonly resize: ContainerRuntime["resize"] = async () => noTerminal();

  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#end.abort();
  }

  #workFolder(containerId: string): string {
    return join(this.#folder(containerId), "files");
  }

  async #makeFolders(spec: WorkloadSpec): Promise<Record<string, string>> {
    const folder = this.#folder(spec.containerId);
    await mkdir(this.#workFolder(spec.containerId), { recursive: true, mode: 0o700 });
    return makeVolumeFolders(spec, join(folder, "volumes"), this.#options.sharedDir);
  }

  async #configure(spec: WorkloadSpec, permit: () => Promise<void>): Promise<void> {
    const { equipment, containerId, containerName } = spec;
    const volume = spec.volumes.find(({ name }) => name === equipment?.volume);
    if (!volume || (equipment?.configFiles ?? []).length === 0) return;
    const { node, sharedDir } = this.#options;
    const root = volumeFolder(containerId, volume, join(this.#folder(containerId), "volumes"), sharedDir);
    await applyConfig(spec, new FolderFiles(root, containerName), { env: spec.env, address: node.address, permit });
  }

  #makeCgroups(spec: WorkloadSpec): string[] {
    const { cgroups } = this.#options;
    if (!cgroups) return [];
    return makeCgroup(cgroups.layout, `${spec.ha ? cgroups.paths.ha : cgroups.paths.plain}/${spec.containerId}`, {
      cpuMillis: spec.limits?.cpuMillis ?? 0,
      memoryBytes: spec.limits?.memoryBytes ?? 0n,
      pidsMax: PIDS_MAX,
    });
  }

  #lives(record: ExecRecord): boolean {
    return record.exit === null && record.bootId === this.#options.bootId && isRunning(record.pid, record.startTicks);
  }

  #pids(record: ExecRecord): number[] {
    return record.bootId === this.#options.bootId ? livingPids(record) : [];
  }

  #observe(record: ExecRecord): ObservedContainer {
    const lives = this.#lives(record);
    return {
      containerId: record.containerId,
      epoch: BigInt(record.epoch),
      session: BigInt(record.session),
      ha: record.ha,
      state: lives ? "running" : "exited",
      exitCode: lives ? null : (record.exit?.code ?? null),
      detail: lives ? "" : (record.exit?.detail ?? "the process has ended; its exit code is not known"),
      upMs: lives ? Math.max(0, this.#options.clock.nowMs() - record.startedMs) : 0,
    };
  }

  #follow(record: ExecRecord, launched: LaunchedProcess): void {
    const id = record.containerId;
    this.#records.set(id, record);
    this.#own.add(id);
    const ended = (code: number | null, signal: string | null): void => {
      this.#own.delete(id);
      const detail = signal ? `ended by ${signal}` : `ended with exit code ${code}`;
      void this.#noteExit(id, record, code, detail).catch((error: unknown) =>
        this.#options.log.error({ err: error, containerId: id }, "the end of a process could not be noted"),
      );
    };
    launched.child.once("exit", (code, signal) => this.#outside(() => ended(code, signal)));
    // What runs goes on without the agent; a child that is waited for would keep the agent from ending.
    launched.child.unref();
  }

  /** Notes that the main process has ended and ends what it left behind, unless a stop is waiting for that itself. */
  async #noteExit(id: string, ended: ExecRecord, code: number | null, detail: string): Promise<void> {
    const record = this.#records.get(id);
    if (!record || record.pid !== ended.pid || record.startTicks !== ended.startTicks || record.exit) return;
    if (!this.#stopping.has(id)) await this.#killAll(record);
    // After the agent has let go, the next one finds out by itself.
    if (this.#end.signal.aborted || this.#records.get(id) !== record) return;
    const noted = { ...record, exit: { code, detail } };
    this.#records.set(id, noted);
    this.#cpuSamples.delete(id);
    for (const listener of this.#listeners) listener(id);
    const writing = writeExecRecord(this.#folder(id), noted);
    const settled = writing.catch(() => undefined).finally(() => this.#noting.delete(id));
    this.#noting.set(id, settled);
    await writing;
  }

  async #killAll(record: ExecRecord): Promise<void> {
    if (record.bootId !== this.#options.bootId) return;
    const endMs = this.#options.clock.nowMs() + KILL_MS;
    while (killPass(record) > 0) {
      if (this.#options.clock.nowMs() > endMs) {
        throw new RuntimeFault(
          "runtime_error",
          `container ${record.containerName} cannot be killed: process ${this.#pids(record).join(", ")} does not go; ` +
            "it hangs in the kernel, most often on storage; look at it with ps, or restart the host",
        );
      }
      await this.#options.timers.sleep(ENDING_POLL_MS);
    }
    removeCgroup(record.cgroups);
  }

  /** Ends a copy that was never let in, and all that tells of it. */
  async #discard(record: ExecRecord): Promise<void> {
    await this.#killAll(record);
    await this.#forget(record.containerId);
    await removeGate(this.#folder(record.containerId));
  }

  async #forget(containerId: string): Promise<void> {
    this.#records.delete(containerId);
    this.#own.delete(containerId);
    this.#cpuSamples.delete(containerId);
    await removeExecRecord(this.#folder(containerId));
  }

  async #watchAdopted(): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const record of [...this.#records.values()]) {
        if (record.exit || this.#own.has(record.containerId) || this.#lives(record)) continue;
        const detail = "the process has ended; its exit code is not known, since a former agent had started it";
        await this.#noteExit(record.containerId, record, null, detail).catch((error: unknown) =>
          this.#options.log.error(
            { err: error, containerId: record.containerId },
            "the end of a process could not be noted",
          ),
        );
      }
      await this.#options.timers.sleep(ADOPTED_POLL_MS, this.#end.signal);
    }
  }

  async #rotateLogs(): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const id of this.#records.keys()) {
        await rotateLogFiles(this.#folder(id)).catch((error: unknown) =>
          this.#options.log.warn({ err: error, containerId: id }, "a log file could not be rotated"),
        );
      }
      await this.#options.timers.sleep(LOG_ROTATION_MS, this.#end.signal);
    }
  }
}
