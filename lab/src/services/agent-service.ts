import { existsSync } from "node:fs";
import { join } from "node:path";
import type { HostPower } from "../hosts/host-power.ts";
import { repository } from "../repository.ts";
import { DOCKER_SOCKET } from "./dockerd-service.ts";
import { HostService } from "./host-service.ts";

export type AgentPlace = {
  readonly diskPath: string;
  readonly sharedDir: string;
  /** host:port of the coordinator's agent plane. */
  readonly coordinator: string;
  /** The file that its clock is read from instead of /proc/uptime; null: the machine's own clock. */
  readonly clockFile: string | null;
};

/** The agent of one host, started as docs/join-a-host.md says: nobody but its guard starts it again. */
export class AgentService extends HostService {
  readonly #host: HostPower;
  readonly #place: AgentPlace;

  constructor(host: HostPower, place: AgentPlace) {
    super(host, "agent");
    this.#host = host;
    this.#place = place;
  }

  get dataDir(): string {
    return join(this.#place.diskPath, "agent");
  }

  get isEnrolled(): boolean {
    return existsSync(join(this.dataDir, "node.json"));
  }

  /** Starts it when it does not run; an agent that is not enrolled yet needs a token. */
  start(joinToken = ""): void {
    if (this.runs) return;
    const { network, cgroups } = this.#host;
    const { sharedDir, coordinator, clockFile } = this.#place;
    const flags = [
      ["--data-dir", this.dataDir, "--name", network.name, "--address", network.address],
      ["--coordinator", coordinator, "--runtime", "docker", "--docker-socket", DOCKER_SOCKET],
      ["--shared-dir", sharedDir, "--cgroup-parent", `${cgroups.path}/lormas`],
    ].flat();
    const words = [process.execPath, join(repository, "agent/src/main.ts"), ...flags];
    this.#host.start([...underClock(clockFile), ...words], "agent.log", {
      ...(joinToken === "" ? {} : { LORMAS_JOIN_TOKEN: joinToken }),
    });
  }
}

/** Shows the agent, and the guard that it starts, another /proc/uptime than the rest of the host. */
function underClock(clockFile: string | null): string[] {
  if (clockFile === null) return [];
  const script = 'mount --bind "$1" /proc/uptime && shift && exec "$@"';
  return ["unshare", "--mount", "/bin/sh", "-c", script, "sh", clockFile];
}
