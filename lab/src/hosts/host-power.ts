import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, readProcess } from "@lormas/agent/process/process-table.ts";
import { startDetached } from "../command/detached-command.ts";
import type { HostNetwork, NetworkHost } from "../network/host-network.ts";
import { until } from "../until.ts";
import { entering, HostCgroups } from "./host-cgroups.ts";

const BOOT_MS = 60_000;
const KILL_MS = 30_000;

/** The first process of a host that runs, in the numbers of this machine. */
type Boot = { readonly pid: number; readonly startTicks: string };

/**
 * What a host does when it boots, as the first process of its own pid, mount, uts and ipc namespaces: what it mounts from
 * here on is its own. /run is a tmpfs, so that whatever lives there is gone with the power, as on a real host, and every
 * boot has an id of its own.
 */
const INIT = [
  "set -e",
  "mount --make-rprivate /",
  "mount -t tmpfs -o mode=755,size=256m tmpfs /run",
  "mkdir -p /run/lock",
  "mount -t tmpfs -o mode=755,size=1m tmpfs /etc/docker",
  'hostname "$1"',
  'mount --bind "$2" /proc/sys/kernel/random/boot_id',
  "exec tini -s -- sleep infinity",
].join("\n");

/** Switches one host on and off, and runs commands on it. All that is known of it is in its folder, so that any process can. */
export class HostPower {
  readonly network: NetworkHost;
  readonly cgroups: HostCgroups;
  readonly folder: string;
  readonly #switch: HostNetwork;

  constructor(host: NetworkHost, network: HostNetwork, cgroupPath: string, folder: string) {
    this.network = host;
    this.#switch = network;
    this.cgroups = HostCgroups.at(cgroupPath);
    this.folder = folder;
  }

  get isOn(): boolean {
    return this.#boot() !== null;
  }

  /** Boots the host; its network must be there. */
  async on(): Promise<void> {
    if (this.isOn) return;
    const bootId = join(this.folder, "boot-id");
    writeFileSync(bootId, `${randomUUID()}\n`);
    const namespaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc"];
    const words = [...this.#switch.on(this.network), ...namespaces];
    startDetached({
      words: [...words, "bash", "-c", INIT, "init", this.network.name, bootId],
      logPath: join(this.folder, "boot.log"),
      cgroups: this.cgroups.own(),
    });
    const boot = await until(`${this.network.name} boots`, BOOT_MS, () => this.#firstProcess());
    writeFileSync(join(this.folder, "boot.json"), JSON.stringify(boot));
  }

  /**
   * The power goes: first the cable, since the dying kernel would say goodbye to whoever is connected, which a real host
   * does not; then everything on it at once.
   */
  async off(): Promise<void> {
    const boot = this.#boot();
    this.#switch.cut(this.network);
    if (boot) process.kill(boot.pid, "SIGKILL");
    await this.cgroups.killAll();
    await until(`${this.network.name} is off`, KILL_MS, () => this.#boot() === null);
    rmSync(join(this.folder, "boot.json"), { force: true });
    this.cgroups.remove();
    this.#switch.replace(this.network);
  }

  /** The program and words that run a command on the host; throws when it is off. */
  command(words: readonly string[]): readonly [string, string[]] {
    const boot = this.#boot();
    if (!boot) throw new Error(`${this.network.name} is off: switch it on with heal`);
    const into = ["nsenter", "-t", String(boot.pid), "-m", "-u", "-i", "-n", "-p", "--"];
    const script = `${entering(this.cgroups.own())}exec "$@"`;
    return ["/bin/sh", ["-c", script, "sh", ...into, ...words]];
  }

  /** Starts a program that lives on when this process ends; its output goes to a file of the host's folder. */
  start(words: readonly string[], logName: string, environment: Readonly<Record<string, string>>): void {
    // It becomes a child of the host's first process: what enters a host stops when its child is stopped, and does not go on.
    const [program, args] = this.command(["setsid", "--fork", ...words]);
    startDetached({ words: [program, ...args], logPath: join(this.folder, logName), environment });
  }

  /** A path of the host as this machine reaches it. */
  path(inside: string): string {
    const boot = this.#boot();
    if (!boot) throw new Error(`${this.network.name} is off: switch it on with heal`);
    return join(`/proc/${boot.pid}/root`, inside);
  }

  log(name: string): string {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  #boot(): Boot | null {
    const path = join(this.folder, "boot.json");
    if (!existsSync(path)) return null;
    // Written by `on`, above.
    const boot = JSON.parse(readFileSync(path, "utf8")) as Boot;
    return isRunning(boot.pid, boot.startTicks) ? boot : null;
  }

  /** The process that is number 1 on the host, once it has done everything that comes before. */
  #firstProcess(): Boot | undefined {
    for (const pid of this.cgroups.processes()) {
      const entry = readProcess(pid);
      if (!entry || !/^NSpid:\s\d+\s1$/m.test(readText(`/proc/${pid}/status`))) continue;
      if (readText(`/proc/${pid}/comm`).trim() === "tini") return { pid, startTicks: entry.startTicks };
    }
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It ended while it was looked at.
  }
}
