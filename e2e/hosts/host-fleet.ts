import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { HostNetwork, type NetworkHost } from "../../lab/src/network/host-network.ts";
import { until } from "../../lab/src/until.ts";
import { copiesOf, FLEET_MARK, type FleetProcess, fleetProcesses } from "../fleet/fleet-processes.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const HTTP_PORT = 8080;
const AGENT_PORT = 7443;
const UP_MS = 90_000;

/** One host and what was started on it. */
type Running = { readonly host: NetworkHost; readonly mark: string; readonly folder: string };

/**
 * A coordinator and agents, each on a host of its own (or the coordinator on one of the agents' hosts), as real processes
 * that nobody supervises: what is killed stays dead until the test starts it again.
 */
export class HostFleet {
  readonly network: HostNetwork;
  readonly folder = mkdtempSync(join(tmpdir(), "lormas-hosts-"));
  readonly #hosts = new Map<string, Running>();
  readonly #coordinatorHost: string;
  readonly #environment: Readonly<Record<string, string>>;
  #children: ChildProcess[] = [];

  private constructor(nodes: readonly string[], coordinatorHost: string, environment: Record<string, string>) {
    const names = nodes.includes(coordinatorHost) ? nodes : [...nodes, coordinatorHost];
    this.network = HostNetwork.create(names);
    this.#coordinatorHost = coordinatorHost;
    this.#environment = environment;
    for (const host of this.network.hosts) {
      const folder = join(this.folder, host.name);
      mkdirSync(folder, { mode: 0o700 });
      this.#hosts.set(host.name, { host, mark: randomBytes(8).toString("hex"), folder });
    }
  }

  /** A fleet whose nodes are all healthy. */
  static async up(
    nodes: readonly string[],
    coordinatorHost: string,
    environment: Record<string, string> = {},
  ): Promise<HostFleet> {
    const fleet = new HostFleet(nodes, coordinatorHost, environment);
    try {
      await fleet.startCoordinator();
      for (const name of nodes) await fleet.startAgent(name);
      await until("all nodes are healthy", UP_MS, async () => {
        const answer = await fleet.api().nodes.listNodes({});
        return answer.nodes.filter(({ status }) => status === NodeStatus.HEALTHY).length === nodes.length;
      });
      return fleet;
    } catch (error) {
      await fleet.dispose();
      throw error;
    }
  }

  async startCoordinator(): Promise<void> {
    const { host } = this.#running(this.#coordinatorHost);
    const dataDir = this.#coordinatorDir();
    this.#spawn(this.#coordinatorHost, "coordinator/src/main.ts", [], {
      ...this.#environment,
      LORMAS_DATA_DIR: dataDir,
      LORMAS_HTTP_LISTEN: `${host.address}:${HTTP_PORT}`,
      LORMAS_AGENT_LISTEN: `${host.address}:${AGENT_PORT}`,
      LORMAS_PUBLIC_TLS: "off",
      LORMAS_API_CALLS_PER_SECOND: "0",
    });
    await until(`the coordinator on ${host.name} is ready`, UP_MS, async () => {
      return existsSync(join(dataDir, "admin.token")) && (await fetch(`${this.httpUrl}/health/ready`)).status === 200;
    });
  }

  async startAgent(name: string): Promise<void> {
    const { host, folder } = this.#running(name);
    const dataDir = join(folder, "agent");
    const enrolled = existsSync(join(dataDir, "node.json"));
    const token = enrolled ? "" : (await this.api().nodes.createJoinToken({ cluster: "local" })).token;
    const coordinator = `${this.#running(this.#coordinatorHost).host.address}:${AGENT_PORT}`;
    this.#spawn(
      name,
      "agent/src/main.ts",
      ["--data-dir", dataDir, "--name", name, "--address", host.address, "--coordinator", coordinator],
      { LORMAS_RUNTIME: "exec", LORMAS_JOIN_TOKEN: token },
    );
  }

  get httpUrl(): string {
    return `http://${this.#running(this.#coordinatorHost).host.address}:${HTTP_PORT}`;
  }

  api(): ApiClient {
    const token = readFileSync(join(this.#coordinatorDir(), "admin.token"), "utf8").trim();
    return createApiClient({ url: this.httpUrl, token });
  }

  /** Everything that runs on a host. */
  processes(name: string): FleetProcess[] {
    const { mark, folder } = this.#running(name);
    return fleetProcesses(mark, folder);
  }

  /** On which hosts copies of a container run, one entry a copy. */
  copies(container: string): string[] {
    return [...this.#hosts.keys()].flatMap((name) => copiesOf(this.processes(name), container).map(() => name));
  }

  /** How many voters the agent of a host has in its journal; 0 before it knows a group. */
  votersKnownTo(name: string): number {
    const journal = readFileSync(join(this.#running(name).folder, "agent", "journal.log"), "utf8");
    const line = journal.split("\n").findLast((text) => text.includes('"kind":"membership"'));
    return line?.match(/"nodeId":/g)?.length ?? 0;
  }

  /** SIGKILL for the coordinator and its PostgreSQL; the agent that may share the host goes on. */
  killCoordinator(): void {
    const dataDir = this.#coordinatorDir();
    const own = (process: FleetProcess) =>
      process.argv.some((word) => word.includes("coordinator/src/main.ts") || word.includes(dataDir)) ||
      process.argv[0]?.startsWith("postgres") === true;
    kill(this.processes(this.#coordinatorHost).filter(own));
  }

  /** The host dies: its cable first, as a real one says no goodbye to anybody, then everything on it. */
  async powerOff(name: string): Promise<void> {
    this.network.cut(this.#running(name).host);
    await until(`nothing runs on ${name}`, 10_000, () => {
      const left = this.processes(name);
      kill(left);
      return left.length === 0;
    });
  }

  cut(name: string): void {
    this.network.cut(this.#running(name).host);
  }

  heal(name: string): void {
    this.network.heal(this.#running(name).host);
  }

  log(name: string, program: "agent" | "coordinator"): string {
    return readFileSync(join(this.#running(name).folder, `${program}.log`), "utf8");
  }

  async dispose(): Promise<void> {
    for (const name of this.#hosts.keys()) {
      await until(`nothing runs on ${name}`, 10_000, () => {
        const left = this.processes(name);
        kill(left);
        return left.length === 0;
      });
    }
    for (const child of this.#children) child.removeAllListeners();
    this.network.dispose();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #coordinatorDir(): string {
    return join(this.#running(this.#coordinatorHost).folder, "coordinator");
  }

  #running(name: string): Running {
    const running = this.#hosts.get(name);
    if (!running) throw new Error(`there is no host ${name}`);
    return running;
  }

  #spawn(name: string, main: string, args: readonly string[], environment: Record<string, string>): void {
    const { host, mark, folder } = this.#running(name);
    const [command = "", ...words] = this.network.on(host);
    const log = openSync(join(folder, `${main.split("/", 1)[0]}.log`), "a", 0o600);
    const kept = Object.entries(process.env).filter(([key]) => !/^(npm_|VITEST|LORMAS_)/.test(key));
    const child = spawn(command, [...words, process.execPath, join(repository, main), ...args], {
      cwd: folder,
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...Object.fromEntries(kept), ...environment, [FLEET_MARK]: mark, LORMAS_HOST_MARK: mark },
    });
    closeSync(log);
    child.on("error", () => undefined);
    this.#children.push(child);
  }
}

function kill(processes: readonly FleetProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}
