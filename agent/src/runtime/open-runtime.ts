import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Timers } from "../clock/clock.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { writeDurably } from "../journal/durable-file.ts";
import { type CgroupDriver, engineParent } from "../process/node-cgroups.ts";
import type { CommandScope } from "./command-scope.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { askEngine } from "./docker/docker-engine.ts";
import { DockerRuntime } from "./docker/docker-runtime.ts";
import { ExecRuntime, type ExecRuntimeOptions } from "./exec/exec-runtime.ts";
import { loggedRuntime } from "./logged-runtime.ts";

/** Which runtime this node has, and who makes its control groups. */
export type RuntimeChoice = { readonly kind: "docker" | "exec"; readonly cgroupDriver: CgroupDriver };

const ENGINE_RETRY_MS = 1_000;

/**
 * Settles the runtime. "auto" takes docker when an engine answers at the very first start and exec otherwise, and keeps to that:
 * an engine that is down later must not turn a docker node into another one. A docker node waits here for its engine.
 * Rejects where exec is not allowed.
 */
export async function chooseRuntime(
  config: AgentConfig,
  timers: Timers,
  log: Logger,
  signal: AbortSignal,
): Promise<RuntimeChoice> {
  const path = join(config.dataDir, "runtime");
  const before = config.runtime === "auto" ? await chosenBefore(path) : config.runtime;
  for (;;) {
    const engine = before === "exec" ? null : await askEngine(config.dockerSocket, timers);
    if (engine || before !== "docker") {
      const kind = engine ? "docker" : "exec";
      if (kind === "exec" && config.production && !config.allowExec) {
        throw new Error(
          `no Docker engine answers at ${config.dockerSocket}, and the exec runtime is refused with --production: ` +
            "start the engine, or add --allow-exec if you accept plain processes",
        );
      }
      if (config.runtime === "auto" && before === null) await writeDurably(path, `${kind}\n`);
      return { kind, cgroupDriver: engine?.cgroupDriver ?? "cgroupfs" };
    }
    if (signal.aborted) throw new Error("stopped while waiting for the Docker engine");
    log.warn(
      { socket: config.dockerSocket },
      "no Docker engine answers, trying again; start it or check --docker-socket",
    );
    await timers.sleep(ENGINE_RETRY_MS, signal);
  }
}

/** Opens the runtime that was chosen. Rejects when it cannot be used, saying why and what to do. */
export async function openRuntime(
  options: Omit<ExecRuntimeOptions, "dataDir" | "sharedDir"> & {
    readonly config: AgentConfig;
    readonly choice: RuntimeChoice;
    readonly commands: CommandScope;
  },
): Promise<ContainerRuntime> {
  const { config, choice, cgroups, clock, log } = options;
  if (choice.kind === "exec") {
    const { dataDir, sharedDir } = config;
    return loggedRuntime(await ExecRuntime.open({ ...options, dataDir, sharedDir }), clock, log);
  }
  const parent = (path: string) => engineParent(path, choice.cgroupDriver);
  const docker = await DockerRuntime.open({
    socketPath: config.dockerSocket,
    node: options.node,
    sharedDir: config.sharedDir,
    cgroupParents: cgroups && { ha: parent(cgroups.paths.ha), plain: parent(cgroups.paths.plain) },
    timers: options.timers,
    wall: options.wall,
    log,
    commands: options.commands,
  });
  return loggedRuntime(docker, clock, log);
}

async function chosenBefore(path: string): Promise<"docker" | "exec" | null> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return text === "docker" || text === "exec" ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
