import { lookup } from "node:dns/promises";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { WorkloadSpec } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import Docker from "dockerode";
import type { Logger } from "pino";
import type { Timers, WallClock } from "../../clock/clock.ts";
import { applyConfig } from "../../config-files/apply-config.ts";
import { CommandScope } from "../command-scope.ts";
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
  type TerminalSize,
} from "../container-runtime.ts";
import { requireInputTarget } from "../input-target.ts";
import type { TerminalPiece } from "../terminal-buffer.ts";
import type { NodeFacts } from "../workload-names.ts";
import { ArchiveFiles } from "./archive-files.ts";
import { DockerConsole } from "./docker-console.ts";
import {
  type DockerPlace,
  dockerCreateOptions,
  dockerVolumeName,
  LABELS,
  sharedSource,
} from "./docker-create-options.ts";
import { awaitContainerEnd, unlessAborted } from "./docker-end.ts";
import { watchDockerEvents } from "./docker-events.ts";
import { dockerFault, engineStatus } from "./docker-fault.ts";
import { installOnVolume } from "./docker-install.ts";
import { type DockerPullParts, haveImage, pullIfAbsent } from "./docker-pull.ts";
import { CpuShare, ioOf, memoryUsedBytes } from "./docker-usage.ts";
import { logEngineCalls } from "./engine-call-log.ts";

/** How long the engine may take for an ordinary call, and for creating or starting. */
const CALL_MS = 10_000;
const START_MS = 60_000;
const PING_MS = 1_500;
/** How long SIGKILL may take before the container is reported as unkillable. */
const KILL_MS = 10_000;

export type DockerRuntimeOptions = {
  readonly socketPath: string;
  readonly node: NodeFacts;
  readonly sharedDir: string | null;
  /** Cgroup parents as the engine takes them; null: the guard could not kill, so HA containers are refused. */
  readonly cgroupParents: { readonly ha: string; readonly plain: string } | null;
  readonly timers: Timers;
  readonly wall: WallClock;
  readonly log: Logger;
  /** Which command the engine is called for, for the log; absent: that is not told. */
  readonly commands?: CommandScope;
};

/** Runs workloads as containers of a Docker engine on this host. It sees only containers with this node's label. */
export class DockerRuntime implements ContainerRuntime {
  readonly kind = "docker";
  readonly #options: DockerRuntimeOptions;
  readonly #docker: Docker;
  readonly #place: DockerPlace;
  readonly #listeners = new Set<(containerId: string) => void>();
  readonly #cpu = new CpuShare();
  readonly #end = new AbortController();

  private constructor(options: DockerRuntimeOptions, hostIp: string) {
    this.#options = options;
    this.#docker = new Docker({ socketPath: options.socketPath });
    logEngineCalls(this.#docker, options.log, options.commands ?? new CommandScope());
    this.#place = { ...options, hostIp };
  }

  /** Opens the runtime; the engine need not answer yet. Rejects when the node's address cannot be resolved. */
  static async open(options: DockerRuntimeOptions): Promise<DockerRuntime> {
    const runtime = new DockerRuntime(options, (await lookup(options.node.address)).address);
    const { timers, log, node } = options;
    void watchDockerEvents({
      docker: runtime.#docker,
      nodeId: node.nodeId,
      changed: (containerId) => runtime.#tell(containerId),
      reconnected: () => {
        runtime
          .list()
          .then((all) => all.map((observed) => runtime.#tell(observed.containerId)))
          .catch((error: unknown) => log.warn({ err: error }, "containers could not be listed"));
      },
      timers,
      log,
      signal: runtime.#end.signal,
    });
    return runtime;
  }

  async ready(): Promise<boolean> {
    return this.#call("ping", PING_MS, () => this.#docker.ping()).then(
      () => true,
      () => false,
    );
  }

  async prepare(spec: WorkloadSpec, cut?: AbortSignal, pull?: PullOrder): Promise<void> {
    this.#require(spec);
    await haveImage(spec.image, pull, cut, this.#pullParts());
    for (const volume of spec.volumes) {
      if (volume.kind === "shared") {
        await mkdir(sharedSource(spec.containerId, volume.name, this.#options.sharedDir), { recursive: true });
        continue;
      }
      const Name = dockerVolumeName(spec.containerId, volume.name);
      const Labels = { [LABELS.node]: this.#options.node.nodeId, [LABELS.container]: spec.containerId };
      await this.#call(`volume ${Name}`, CALL_MS, () => this.#docker.createVolume({ Name, Labels }));
    }
  }

  async install(request: InstallRequest): Promise<void> {
    const { spec, cut } = request;
    await this.prepare(spec, cut, request.pull);
    await installOnVolume(request, {
      docker: this.#docker,
      place: this.#place,
      timers: this.#options.timers,
      call: (what, withinMs, act) => this.#call(what, withinMs, act),
      pull: (image, pullCut) => pullIfAbsent(image, request.pull, pullCut, this.#pullParts()),
      copies: (containerId) => this.#find(containerId),
      remove: (engineId) => this.#removeContainer(engineId),
    });
  }

  async start({ spec, epoch, session, cut, permit, release, pull }: StartRequest): Promise<void> {
    const what = `container ${spec.containerName}`;
    await this.prepare(spec, cut, pull);
    const options = dockerCreateOptions(spec, epoch, session, this.#place);
    for (const old of await this.#find(spec.containerId)) await this.#removeContainer(old.Id);
    const container = await this.#call(what, START_MS, () => this.#docker.createContainer(options));
    try {
      await this.#configure(spec, container, permit);
      await release(null);
      await this.#call(what, START_MS, () => container.start());
    } catch (error) {
      await this.#removeContainer(container.id);
      throw dockerFault(error, `${what} could not be started`);
    }
  }

  async #configure(spec: WorkloadSpec, container: Docker.Container, permit: () => Promise<void>): Promise<void> {
    const { equipment, containerName } = spec;
    const volume = spec.volumes.find(({ name }) => name === equipment?.volume);
    if (!volume || (equipment?.configFiles ?? []).length === 0) return;
    const call = <T>(what: string, withinMs: number, act: () => Promise<T>) => this.#call(what, withinMs, act);
    await applyConfig(spec, new ArchiveFiles(container, volume.path, { call, containerName }), {
      env: spec.env,
      address: this.#place.hostIp,
      permit,
    });
  }

  async stop(
    containerId: string,
    signal: string,
    graceMs: number,
    cut?: AbortSignal,
    command: string = "",
  ): Promise<void> {
    for (const found of await this.#find(containerId)) {
      if (found.State === "created") await this.#removeContainer(found.Id);
      if (found.State !== "running" && found.State !== "paused") continue;
      const container = this.#docker.getContainer(found.Id);
      if (graceMs > 0 && !(LABELS.install in found.Labels)) {
        // SIGKILL does not wait for an engine that takes its time with the request.
        await unlessAborted(cut, this.#askToEnd(container, signal || "SIGTERM", command));
        if (await this.#ended(container, graceMs, cut)) continue;
      }
      await this.#kill(container, "SIGKILL");
      if (await this.#ended(container, KILL_MS)) continue;
      throw new RuntimeFault(
        "runtime_error",
        `container ${containerId} does not end within ${KILL_MS} ms of SIGKILL: look at it with docker ps and ps on the node, or restart the engine`,
      );
    }
  }

  async remove(containerId: string, removeVolumes: boolean): Promise<void> {
    for (const found of await this.#find(containerId)) await this.#removeContainer(found.Id);
    this.#cpu.forget(containerId);
    if (!removeVolumes) return;
    const filters = { label: [`${LABELS.container}=${containerId}`, `${LABELS.node}=${this.#options.node.nodeId}`] };
    const { Volumes } = await this.#call("volumes", CALL_MS, () =>
      this.#docker.listVolumes({ filters: JSON.stringify(filters) }),
    );
    for (const volume of Volumes ?? []) {
      await this.#call(`volume ${volume.Name}`, CALL_MS, () => this.#docker.getVolume(volume.Name).remove());
    }
    if (this.#options.sharedDir) await rm(join(this.#options.sharedDir, containerId), { recursive: true, force: true });
  }

  async list(): Promise<ObservedContainer[]> {
    const found = await this.#find(null);
    const seen = await Promise.all(found.map((container) => this.#observe(container.Id)));
    return seen.filter((observed) => observed !== null);
  }

  async inspect(containerId: string): Promise<ObservedContainer | null> {
    const [found] = await this.#find(containerId);
    return found ? this.#observe(found.Id) : null;
  }

  async usage(containerId: string): Promise<ContainerUsage | null> {
    const [found] = await this.#find(containerId);
    if (!found) return null;
    try {
      const options = { stream: false, "one-shot": true } as const;
      const stats = await this.#call("stats", CALL_MS, () => this.#docker.getContainer(found.Id).stats(options));
      return {
        memoryUsedBytes: memoryUsedBytes(stats),
        io: ioOf(stats),
        cpuUsedMillis: this.#cpu.sample(containerId, stats.cpu_stats.cpu_usage.total_usage, new Date(stats.read)),
      };
    } catch (error) {
      // It ended between the two looks, or the engine has no figures of it.
      if (error instanceof RuntimeFault) return null;
      throw error;
    }
  }

  async run(containerId: string, commandLine: string, timeoutMs: number): Promise<number> {
    const [found] = await this.#find(containerId);
    if (!found) throw new RuntimeFault("runtime_error", `container ${containerId} is not on this node`);
    return this.#call(`"${commandLine}"`, timeoutMs, async () => {
      const exec = await this.#docker
        .getContainer(found.Id)
        .exec({ Cmd: ["/bin/sh", "-c", commandLine], AttachStdout: true, AttachStderr: true });
      const output = await exec.start({});
      for await (const _chunk of output) {
        // Read to its end: that is when the command has ended.
      }
      return (await exec.inspect()).ExitCode ?? 128;
    });
  }

  async *logs(containerId: string, request: LogRequest): AsyncGenerator<RuntimeLogLine> {
    const [found] = await this.#find(containerId);
    if (!found) throw new RuntimeFault("runtime_error", `container ${containerId} is not on this node`);
    yield* this.#console(found.Id).logs(request);
  }

  async input(containerId: string, epoch: bigint, data: Uint8Array): Promise<void> {
    await (await this.#running(containerId, epoch)).input(data);
  }

  async *terminal(containerId: string, signal: AbortSignal): AsyncGenerator<TerminalPiece> {
    yield* (await this.#running(containerId, null)).terminal(signal);
  }

  async resize(containerId: string, epoch: bigint, size: TerminalSize): Promise<void> {
    await (await this.#running(containerId, epoch)).resize(size);
  }

  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#end.abort();
  }

  #tell(containerId: string): void {
    for (const listener of this.#listeners) listener(containerId);
  }

  #require(spec: WorkloadSpec): void {
    if (spec.image === "" || spec.startup["docker"] === undefined) {
      throw new RuntimeFault(
        "unsupported_runtime",
        `container ${spec.containerName} has no image or no startup for docker: give its egg both, or place it on an exec node`,
      );
    }
    if (spec.ha && !this.#options.cgroupParents) {
      throw new RuntimeFault(
        "runtime_error",
        `container ${spec.containerName} is HA, but this agent cannot make control groups, so its guard could not kill it: run the agent as root`,
      );
    }
  }

  #pullParts(): DockerPullParts {
    const call = <T>(what: string, withinMs: number, act: () => Promise<T>) => this.#call(what, withinMs, act);
    return { docker: this.#docker, call };
  }

  #find(containerId: string | null): Promise<Docker.ContainerInfo[]> {
    const label = [`${LABELS.node}=${this.#options.node.nodeId}`];
    if (containerId !== null) label.push(`${LABELS.container}=${containerId}`);
    return this.#call("containers", CALL_MS, () => this.#docker.listContainers({ all: true, filters: { label } }));
  }

  async #observe(engineId: string): Promise<ObservedContainer | null> {
    let info: Docker.ContainerInspectInfo;
    try {
      info = await this.#call("container", CALL_MS, () => this.#docker.getContainer(engineId).inspect());
    } catch (error) {
      if (error instanceof RuntimeFault && engineStatus(error.cause) === 404) return null;
      throw error;
    }
    const { State, Config } = info;
    const lives = State.Running || State.Paused;
    const isInstall = LABELS.install in Config.Labels;
    const running = lives && !isInstall;
    const neverStarted = State.Status === "created" || (lives && isInstall);
    return {
      containerId: Config.Labels[LABELS.container] ?? "",
      epoch: BigInt(Config.Labels[LABELS.epoch] ?? "0"),
      session: BigInt(Config.Labels[LABELS.session] ?? "0"),
      ha: Config.Labels[LABELS.ha] === "true",
      state: running ? "running" : neverStarted ? "created" : "exited",
      exitCode: running || neverStarted ? null : State.ExitCode,
      isInstall,
      detail: running
        ? ""
        : State.OOMKilled
          ? "out of memory: raise its limit"
          : State.Error || `${isInstall ? "its install script " : ""}ended with exit code ${State.ExitCode}`,
      upMs: running ? Math.max(1, this.#options.wall.now().getTime() - new Date(State.StartedAt).getTime()) : 0,
    };
  }

  /** The console of the copy that runs, and is of that epoch where one is given. */
  async #running(containerId: string, epoch: bigint | null): Promise<DockerConsole> {
    const [found] = await this.#find(containerId);
    const observed = found ? await this.#observe(found.Id) : null;
    requireInputTarget(observed, epoch ?? observed?.epoch ?? 0n);
    return this.#console(found?.Id ?? "");
  }

  #console(engineId: string): DockerConsole {
    const { timers } = this.#options;
    const call = <T>(what: string, callMs: number, act: () => Promise<T>) => this.#call(what, callMs, act);
    return new DockerConsole(this.#docker.getContainer(engineId), { timers, call });
  }

  async #askToEnd(container: Docker.Container, signal: string, command: string): Promise<void> {
    try {
      if (command !== "") return await this.#console(container.id).input(Buffer.from(`${command}\n`));
    } catch (error) {
      const { log } = this.#options;
      log.warn({ err: error, engineId: container.id }, `its stop command could not be written, so it gets ${signal}`);
    }
    await this.#kill(container, signal);
  }

  async #kill(container: Docker.Container, signal: string): Promise<void> {
    try {
      await this.#call(`container ${container.id}`, CALL_MS, () => container.kill({ signal }));
    } catch (error) {
      // 409: it has ended meanwhile; 404: it is gone.
      const status = error instanceof RuntimeFault ? engineStatus(error.cause) : null;
      if (status !== 409 && status !== 404) throw error;
    }
  }

  /** True when the container has ended within that time, and before `cut` was aborted. */
  async #ended(container: Docker.Container, withinMs: number, cut?: AbortSignal): Promise<boolean> {
    const late = new AbortController();
    const { timers } = this.#options;
    const cancel = timers.after(withinMs, () => late.abort());
    const signal = AbortSignal.any([late.signal, ...(cut ? [cut] : [])]);
    const call = <T>(what: string, callMs: number, act: () => Promise<T>) => this.#call(what, callMs, act);
    return awaitContainerEnd(container, signal, { timers, call }).finally(cancel);
  }

  async #removeContainer(engineId: string): Promise<void> {
    try {
      await this.#call(`container ${engineId}`, START_MS, () =>
        this.#docker.getContainer(engineId).remove({ force: true, v: false }),
      );
    } catch (error) {
      if (!(error instanceof RuntimeFault) || engineStatus(error.cause) !== 404) throw error;
    }
  }

  /** One call of the engine within a bound; what it refuses becomes a fault, with the engine's error as its cause. */
  #call<T>(what: string, withinMs: number, act: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancel = this.#options.timers.after(withinMs, () =>
        reject(
          new RuntimeFault(
            "runtime_error",
            `${what}: the engine at ${this.#options.socketPath} did not answer within ${withinMs} ms; look whether dockerd runs and answers docker ps`,
          ),
        ),
      );
      act().then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(dockerFault(error, what));
        },
      );
    });
  }
}
