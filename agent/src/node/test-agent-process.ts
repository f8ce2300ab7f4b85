import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitFor } from "../clock/wait-for-clock.ts";
import { everyCgroupFolder, removeCgroup } from "../process/cgroup-layout.ts";
import { allProcesses, isRunning } from "../process/process-table.ts";

/** The agent's real main.ts as a process, in a data folder of its own, for tests. */
export class TestAgentProcess {
  readonly dataDir: string;
  readonly mark: string;
  readonly cgroupParent: string;
  output = "";
  child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor() {
    this.dataDir = mkdtempSync(join(tmpdir(), "lormas-agent-"));
    this.mark = `test-${this.dataDir.slice(-6)}`;
    this.cgroupParent = `/lormas-${this.mark}`;
  }

  /** Starts the agent; `lifeline` gives it a pipe as descriptor 3, whose other end is `child.stdio[3]`. */
  start(
    coordinator: string,
    joinToken: string | null,
    options: { lifeline?: boolean; flags?: string[]; dockerSocket?: string; restarts?: boolean } = {},
  ): void {
    const flags = [
      ["--data-dir", this.dataDir],
      ["--run-dir", join(this.dataDir, "run")],
      ["--coordinator", coordinator],
      ["--name", "node-1"],
      ["--address", "127.0.0.1"],
      ["--peer-listen", "127.0.0.1:0"],
      ["--runtime", options.dockerSocket ? "docker" : "exec"],
      ...(options.dockerSocket ? [["--docker-socket", options.dockerSocket]] : []),
      ["--cgroup-parent", this.cgroupParent],
      ["--guard-restarts-agent", options.restarts ? "yes" : "no"],
    ].flat();
    const env: NodeJS.ProcessEnv = { PATH: process.env["PATH"], LORMAS_HOST_MARK: this.mark };
    if (joinToken) env["LORMAS_JOIN_TOKEN"] = joinToken;
    if (options.lifeline) env["LORMAS_LIFELINE_FD"] = "3";
    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    const child = spawn(process.execPath, [main, ...flags, ...(options.flags ?? [])], {
      env,
      stdio: ["ignore", "pipe", "pipe", options.lifeline ? "pipe" : "ignore"],
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    this.child = child;
    this.#exited = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  }

  /** The exit code of the present process; null when a signal ended it. */
  exited(): Promise<number | null> {
    return this.#exited;
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.child?.kill(signal);
    return this.#exited;
  }

  /** Every living process that carries this node's mark: agent, guard and containers. */
  marked(): number[] {
    return allProcesses()
      .map((entry) => entry.pid)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`LORMAS_HOST_MARK=${this.mark}`);
        } catch {
          return false;
        }
      });
  }

  /** The pid of a container's main process, from its record. */
  containerPid(containerId: string): number | null {
    try {
      const record = JSON.parse(readFileSync(join(this.dataDir, "containers", containerId, "container.json"), "utf8"));
      return isRunning(record.pid, record.startTicks) ? record.pid : null;
    } catch {
      return null;
    }
  }

  /** Whether the parent of HA containers is frozen now; null where no control groups can be made. */
  haFrozen(): boolean | null {
    const [folder] = everyCgroupFolder(this.cgroupParent)
      .filter((path) => existsSync(path))
      .flatMap((path) => {
        const [nodeId = ""] = readdirSync(path).filter((name) => existsSync(join(path, name, "ha")));
        const ha = join(path, nodeId, "ha");
        return ["freezer.state", "cgroup.freeze"].map((name) => join(ha, name)).filter((file) => existsSync(file));
      });
    if (folder === undefined) return null;
    return !["THAWED", "0"].includes(readFileSync(folder, "utf8").trim());
  }

  /** Kills all of this node and removes its files. */
  async cleanUp(): Promise<void> {
    await waitFor("all of the node gone", () => {
      const pids = this.marked();
      for (const pid of pids) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone meanwhile.
        }
      }
      return pids.length === 0;
    });
    rmSync(this.dataDir, { recursive: true, force: true });
    removeCgroup(everyCgroupFolder(this.cgroupParent));
  }
}
