import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Docker from "dockerode";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { allProcesses, type ProcessEntry } from "../../process/process-table.ts";
import { busyboxTar, STATIC_BUSYBOX } from "./busybox-image.ts";

/** The image that the test's engine holds: a static busybox, with the applets as links; commands by absolute path or name. */
export const TEST_IMAGE = "lormas-test:busybox";

/** Why no engine can be started here; null when one can. With LORMAS_TEST_REQUIRE=1 tests must fail instead of skipping. */
export function engineProblem(): string | null {
  if (process.getuid?.() !== 0) return "a private engine needs root";
  if (!existsSync("/usr/sbin/dockerd") && !existsSync("/usr/bin/dockerd"))
    return "dockerd is not installed (docker.io)";
  if (!existsSync(STATIC_BUSYBOX)) return "no static busybox for an image (busybox-static)";
  return null;
}

/** A Docker engine of the test's own: data, socket, bridge and containerd are private, nothing is pulled. */
export class TestEngine {
  readonly folder: string;
  readonly socketPath: string;
  readonly #bridge: string;
  #dockerd: ChildProcess | null = null;

  private constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "lormas-engine-"));
    this.socketPath = join(this.folder, "docker.sock");
    this.#bridge = `lmt${this.folder.slice(-6).toLowerCase()}`;
  }

  /** Starts an engine that holds TEST_IMAGE. The caller must `stop` it. */
  static async start(): Promise<TestEngine> {
    const engine = new TestEngine();
    try {
      execFileSync("ip", ["link", "add", engine.#bridge, "type", "bridge"]);
      const third = process.pid % 250;
      execFileSync("ip", ["addr", "add", `10.213.${third}.1/24`, "dev", engine.#bridge]);
      execFileSync("ip", ["link", "set", engine.#bridge, "up"]);
      await engine.boot();
      await engine.#importImage();
    } catch (error) {
      await engine.stop();
      throw error;
    }
    return engine;
  }

  get docker(): Docker {
    return new Docker({ socketPath: this.socketPath });
  }

  /** Starts dockerd over the same data, after `kill` as well. */
  async boot(): Promise<void> {
    const log = openSync(join(this.folder, "dockerd.log"), "a");
    writeFileSync(join(this.folder, "daemon.json"), "{}");
    const flags = [
      ["--data-root", join(this.folder, "data")],
      ["--exec-root", join(this.folder, "exec")],
      ["--pidfile", join(this.folder, "dockerd.pid")],
      ["-H", `unix://${this.socketPath}`],
      ["--bridge", this.#bridge],
      ["--config-file", join(this.folder, "daemon.json")],
      ["--iptables=false", "--ip-forward=false", "--ip-masq=false"],
      ["--exec-opt", "native.cgroupdriver=cgroupfs"],
      ["--shutdown-timeout", "2"],
    ].flat();
    this.#dockerd = spawn("dockerd", flags, { stdio: ["ignore", log, log], detached: true });
    closeSync(log);
    await waitFor(
      "the test's engine",
      () =>
        this.docker.ping().then(
          () => true,
          () => false,
        ),
      20_000,
    ).catch((error) => {
      throw new Error(`${error.message}: ${readFileSync(join(this.folder, "dockerd.log"), "utf8").slice(-2_000)}`);
    });
  }

  /** Ends dockerd as a crash would; containers go on. Its containerd ends too, or the next boot may time out. */
  async kill(): Promise<void> {
    this.#dockerd?.kill("SIGKILL");
    await this.#endProcesses((program) => ["dockerd", "containerd"].includes(program));
    // dockerd takes a containerd that was not reaped yet for a living one.
    rmSync(join(this.folder, "exec", "containerd", "containerd.pid"), { force: true });
  }

  /** Ends everything and removes every trace. */
  async stop(): Promise<void> {
    this.#dockerd?.kill("SIGTERM");
    const { pid } = this.#dockerd ?? {};
    if (pid !== undefined) {
      await waitFor("dockerd gone", () => !allProcesses().some((entry) => entry.pid === pid), 15_000).catch(
        () => undefined,
      );
    }
    await this.#endProcesses(() => true);
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "");
    for (const mount of mounts.filter((path) => path.startsWith(`${this.folder}/`)).reverse()) {
      execFileSync("umount", ["-l", mount]);
    }
    rmSync(this.folder, { recursive: true, force: true });
    if (existsSync(`/sys/class/net/${this.#bridge}`)) execFileSync("ip", ["link", "del", this.#bridge]);
  }

  async #importImage(): Promise<void> {
    const tar = busyboxTar(this.folder);
    const [repo, tag] = TEST_IMAGE.split(":");
    const progress = await this.docker.importImage(tar, { repo, tag });
    for await (const _part of progress) {
      // Read to its end: that is when the image is there.
    }
  }

  /** SIGKILLs processes whose command line names this engine's folder, until none is left. */
  async #endProcesses(which: (program: string) => boolean): Promise<void> {
    await waitFor("the engine's processes gone", () => {
      const all = allProcesses();
      const found = all.filter(({ pid }) => {
        try {
          const commandLine = readFileSync(`/proc/${pid}/cmdline`, "latin1");
          return (
            commandLine.includes(this.folder) &&
            pid !== process.pid &&
            which(basename(commandLine.split("\0")[0] ?? ""))
          );
        } catch {
          return false;
        }
      });
      // What a shim started does not name the folder, but hangs below it.
      if (found.length > 0 && which("containerd-shim-runc-v2")) found.push(...descendants(found, all));
      for (const { pid } of found) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // Gone meanwhile.
        }
      }
      return found.length === 0;
    });
  }
}

function descendants(of: readonly ProcessEntry[], all: readonly ProcessEntry[]): ProcessEntry[] {
  const parents = new Set(of.map(({ pid }) => pid));
  const children = all.filter(({ parent, pid }) => parents.has(parent) && !parents.has(pid));
  return children.length === 0 ? [] : [...children, ...descendants(children, all)];
}
