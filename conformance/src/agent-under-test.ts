import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { allProcesses, readProcess } from "@lormas/agent/process/process-table.ts";

/** Characters of what the agent says that are kept, for the reason of a failure. */
const OUTPUT_MAX = 16_384;

export type AgentSettings = {
  /** A command line for /bin/sh. */
  readonly command: string;
  readonly dataDir: string;
  readonly coordinator: string;
  readonly nodeName: string;
  /** In the environment of everything that the agent starts, so that it is found and ended. */
  readonly mark: string;
};

/** The agent under test: a command in an environment that docs/agent-protocol.md describes. */
export class AgentUnderTest {
  readonly settings: AgentSettings;
  output = "";
  #child: ChildProcess | null = null;
  /** Undefined while it runs. */
  #exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;

  constructor(settings: AgentSettings) {
    this.settings = settings;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** How it ended; undefined while it runs. */
  get exit(): { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined {
    return this.#exit;
  }

  start(joinToken: string | null): void {
    const { command, dataDir, coordinator, nodeName, mark } = this.settings;
    const { LORMAS_JOIN_TOKEN: _, ...around } = process.env;
    const env: NodeJS.ProcessEnv = {
      ...around,
      LORMAS_COORDINATOR: coordinator,
      LORMAS_DATA_DIR: dataDir,
      LORMAS_RUN_DIR: `${dataDir}/run`,
      LORMAS_NODE_NAME: nodeName,
      LORMAS_NODE_ADDRESS: "127.0.0.1",
      LORMAS_PEER_LISTEN: "127.0.0.1:0",
      LORMAS_RUNTIME: "exec",
      LORMAS_NODE_BIN: process.execPath,
      LORMAS_CGROUP_PARENT: `/${mark}`,
      LORMAS_HOST_MARK: mark,
      ...(joinToken === null ? {} : { LORMAS_JOIN_TOKEN: joinToken }),
    };
    // The shell becomes the agent, so that a signal reaches the agent itself.
    const child = spawn("/bin/sh", ["-c", `exec ${command}`], { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#exit = undefined;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output = (this.output + text).slice(-OUTPUT_MAX);
      });
    }
    child.once("error", () => {
      this.#exit = { code: null, signal: null };
    });
    child.once("exit", (code, signal) => {
      if (this.#child === child) this.#exit = { code, signal };
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child && this.#exit === undefined) this.#child.kill(signal);
  }

  /** The last line that it has said, for the reason of a failure. */
  get lastWords(): string {
    return this.output.trimEnd().split("\n").at(-1)?.slice(-500) ?? "";
  }

  /** Every living process that carries this agent's mark: the agent itself, what guards it, and workloads. */
  marked(): number[] {
    return allProcesses()
      .map(({ pid }) => pid)
      .filter((pid) => environmentOf(pid).includes(`LORMAS_HOST_MARK=${this.settings.mark}\0`));
  }

  /** Kills every process of this agent once; answers how many there were. */
  killAll(): number {
    const pids = new Set([...this.marked(), ...(this.#exit === undefined && this.#child ? [this.pid] : [])]);
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone meanwhile.
      }
    }
    return pids.size;
  }
}

/** The environment that a process began with; empty when it is gone. */
export function environmentOf(pid: number): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, "latin1")}\0`;
  } catch {
    return "";
  }
}

/** True while a process lives: one that has ended and is not waited for does not. */
export function lives(pid: number): boolean {
  const entry = readProcess(pid);
  return entry !== null && entry.state !== "Z" && entry.state !== "X";
}
