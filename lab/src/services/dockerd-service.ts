import { join } from "node:path";
import { systemTimers } from "@lormas/agent/clock/clock.ts";
import { askEngine } from "@lormas/agent/runtime/docker/docker-engine.ts";
import { bounded } from "../command/bounded-command.ts";
import type { HostPower } from "../hosts/host-power.ts";
import { until } from "../until.ts";
import { HostService } from "./host-service.ts";

/** On the host: where clients look by themselves. */
export const DOCKER_SOCKET = "/run/docker.sock";
const ANSWER_MS = 90_000;
const LOG = "dockerd.log";

/** The Docker engine of one host. Its data are on the host's disk, everything else goes with the power. */
export class DockerdService extends HostService {
  readonly #host: HostPower;
  readonly #dataRoot: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(host: HostPower, diskPath: string, environment: Readonly<Record<string, string>> = {}) {
    super(host, "dockerd");
    this.#environment = environment;
    this.#host = host;
    this.#dataRoot = join(diskPath, "docker");
  }

  /** Starts it when it does not run, and waits until it answers. */
  async start(): Promise<void> {
    if (!this.runs) {
      const flags = [
        ["--data-root", this.#dataRoot, "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"],
        ["-H", `unix://${DOCKER_SOCKET}`, "--storage-driver", "overlay2", "--userland-proxy=false"],
        ["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `${this.#host.cgroups.path}/docker`],
        ["--shutdown-timeout", "3"],
      ].flat();
      // A crash leaves its pid file, and the number may be another process by now.
      const script = 'ulimit -n 20000; rm -f /run/docker.pid; exec dockerd "$@"';
      this.#host.start(["/bin/sh", "-c", script, "sh", ...flags], LOG, this.#environment);
    }
    await this.answers();
  }

  /** In order: it stops its containers. */
  async restart(): Promise<void> {
    await this.end();
    await this.start();
  }

  async answers(): Promise<void> {
    const { name } = this.#host.network;
    const log = join(this.#host.folder, LOG);
    await until(`dockerd on ${name} answers; its log is ${log}`, ANSWER_MS, async () => {
      return (await askEngine(this.#host.path(DOCKER_SOCKET), systemTimers)) !== null;
    });
  }

  /** Gives it an image from a tar of the image's file system. */
  importImage(tar: string, name: string): void {
    this.docker("import", tar, name);
  }

  /** Runs Docker's command on the host, at most 20 s, and answers what it wrote. Throws with what it said. */
  docker(...words: readonly string[]): string {
    const [program, args] = this.#host.command(["docker", "-H", `unix://${DOCKER_SOCKET}`, ...words]);
    return bounded(program, ...args);
  }
}
