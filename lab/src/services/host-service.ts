import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { HostPower } from "../hosts/host-power.ts";
import { until } from "../until.ts";

const GONE_MS = 20_000;

/** Tells by a command line whether a process belongs to a service. */
export type Recognised = (argv: readonly string[]) => boolean;

const runsFile =
  (ending: string): Recognised =>
  ([program = "", ...words]) =>
    basename(program) === "node" && words.some((word) => word.endsWith(ending));

/** How the services of a host are told apart. */
export const SERVICES = {
  agent: runsFile("/agent/src/main.ts"),
  guard: runsFile("/guard/main.mjs"),
  coordinator: runsFile("/coordinator/src/main.ts"),
  dockerd: ([program = ""]) => basename(program) === "dockerd",
  postgres: ([program = ""]) => /(^|\/)postgres(:|$)/.test(program),
} as const satisfies Record<string, Recognised>;
export type ServiceName = keyof typeof SERVICES;

/** Nothing of a service runs that could be killed or stopped. */
export class ServiceDown extends Error {
  override readonly name = "ServiceDown";
}

/** One service of a host: found among the host's own processes whenever it is asked for, whoever has started it. */
export class HostService {
  readonly name: ServiceName;
  readonly #host: HostPower;

  constructor(host: HostPower, name: ServiceName) {
    this.#host = host;
    this.name = name;
  }

  /** Its processes, in the numbers of this machine. */
  get pids(): number[] {
    return this.#host.cgroups.processes().filter((pid) => SERVICES[this.name](commandLine(pid)));
  }

  get runs(): boolean {
    return this.pids.length > 0;
  }

  /** SIGKILL, and the end of what was there; somebody may start it again at once. */
  async kill(): Promise<void> {
    const before = this.#some();
    for (const pid of before) signal(pid, "SIGKILL");
    await until(`${this.#what()} is dead`, GONE_MS, () => !this.pids.some((pid) => before.includes(pid)));
  }

  /** SIGSTOP: it lives, keeps its connections, and does nothing. */
  stop(): void {
    for (const pid of this.#some()) signal(pid, "SIGSTOP");
  }

  continue(): void {
    for (const pid of this.pids) signal(pid, "SIGCONT");
  }

  /** SIGTERM, and its end. */
  async end(): Promise<void> {
    const before = this.pids;
    for (const pid of before) signal(pid, "SIGTERM");
    await until(`${this.#what()} has ended`, GONE_MS, () => !this.pids.some((pid) => before.includes(pid)));
  }

  #some(): number[] {
    const { pids } = this;
    if (pids.length === 0) throw new ServiceDown(`${this.#what()} does not run`);
    return pids;
  }

  #what(): string {
    return `${this.name} on ${this.#host.network.name}`;
  }
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // It ended while it was looked at.
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}
