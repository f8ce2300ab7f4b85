import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Container, ContainerStatus, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import pg from "pg";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { systemClock } from "../../cli/src/clock.ts";
import { parseCoordinatorReady } from "../../cli/src/up/coordinator-ready.ts";
import { killAll, markedPids } from "../../cli/src/up/host-mark.ts";
import { LoopbackClaim } from "../../cli/src/up/loopback-claim.ts";
import { testServerUrl } from "../../coordinator/src/store/test-database.ts";
import { until } from "../../lab/src/until.ts";
import { FLEET_MARK, type FleetProcess, fleetProcesses } from "./fleet-processes.ts";
import { OwnedProcess } from "./owned-process.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const READY_MS = 60_000;
/** The setting of a connection that names its coordinator. */
export const WRITER_SETTING = "lormas.writer";
/** What coordinators of one fleet have in common outside the database. */
const SHARED = ["pki", "admin.token", "auth.secret", "secret-key"];

export type ProcessFleetOptions = {
  readonly nodes: readonly string[];
  /** Coordinators on one database; the first one's data directory makes the authority that all share. */
  readonly coordinators?: readonly string[];
  /** What every process gets besides. */
  readonly environment?: Readonly<Record<string, string>>;
};

type CoordinatorAt = { readonly process: OwnedProcess; httpUrl: string; agentAddress: string; ready: number };
type NodeAt = { readonly process: OwnedProcess; readonly mark: string; readonly dataDir: string; token: string | null };

/** Real coordinators and agents on the PostgreSQL of the test run, each process started and watched by the test itself. */
export class ProcessFleet {
  readonly folder = mkdtempSync(join(tmpdir(), "lormas-pf-"));
  readonly coordinators = new Map<string, CoordinatorAt>();
  readonly nodes = new Map<string, NodeAt>();
  readonly #options: ProcessFleetOptions;
  readonly #mark = randomBytes(8).toString("hex");
  readonly #databaseName = `lormas_pf_${process.pid}_${randomBytes(4).toString("hex")}`;
  #claim: LoopbackClaim | undefined;
  /** Called with a node's name whenever its agent has ended, before it is started again. */
  onAgentEnd: (node: string) => void = () => undefined;

  private constructor(options: ProcessFleetOptions) {
    this.#options = options;
  }

  /** Everything started, every node healthy. */
  static async up(options: ProcessFleetOptions): Promise<ProcessFleet> {
    const fleet = new ProcessFleet(options);
    try {
      await fleet.#start();
      return fleet;
    } catch (error) {
      const log = fleet.log("coordinator-1").slice(-2_000);
      await fleet.dispose();
      throw new Error(`the fleet did not come up: ${String(error)}\n${log}`, { cause: error });
    }
  }

  get databaseUrl(): string {
    const url = new URL(testServerUrl());
    url.pathname = `/${this.#databaseName}`;
    return url.href;
  }

  async #start(): Promise<void> {
    await query(testServerUrl(), `create database ${this.#databaseName}`);
    for (const name of this.#options.coordinators ?? ["coordinator-1"]) await this.#addCoordinator(name);
    this.#claim = await LoopbackClaim.take();
    for (const name of this.#options.nodes) await this.addNode(name);
    await this.healthy();
  }

  /** Starts one more coordinator and waits until it serves. All of them are one authority to agents. */
  async #addCoordinator(name: string): Promise<void> {
    const dataDir = join(this.folder, name);
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const [first] = this.coordinators.keys();
    for (const shared of first === undefined ? [] : SHARED) {
      cpSync(join(this.folder, first ?? "", shared), join(dataDir, shared), { recursive: true });
    }
    const at: CoordinatorAt = {
      httpUrl: "",
      agentAddress: "",
      ready: 0,
      process: new OwnedProcess({
        name,
        args: () => [join(repository, "coordinator", "src", "main.ts")],
        environment: () => ({
          ...this.#environment(),
          LORMAS_DATA_DIR: dataDir,
          DATABASE_URL: this.databaseUrl,
          // Says in the database whose connection it is, for tests that look who has written.
          PGOPTIONS: `-c ${WRITER_SETTING}=${name}`,
          LORMAS_HTTP_LISTEN: at.httpUrl === "" ? "127.0.0.1:0" : new URL(at.httpUrl).host,
          LORMAS_AGENT_LISTEN: at.agentAddress === "" ? "127.0.0.1:0" : at.agentAddress,
        }),
        logPath: join(this.folder, `${name}.log`),
        onMessage: (message) => {
          const ready = parseCoordinatorReady(message);
          if (ready === undefined) return;
          at.httpUrl = ready.httpUrl;
          at.agentAddress = ready.agentAddress;
          at.ready += 1;
        },
      }),
    };
    this.coordinators.set(name, at);
    at.process.start();
    await until(`${name} is ready`, READY_MS, () => at.ready > 0);
  }

  /** Enrols one more node and starts its agent. */
  async addNode(name: string): Promise<void> {
    const dataDir = join(this.folder, name);
    const mark = randomBytes(8).toString("hex");
    const address = `${this.#claim?.prefix}.${this.nodes.size + 1}`;
    const at: NodeAt = {
      dataDir,
      mark,
      token: (await this.api().nodes.createJoinToken({ cluster: "local" })).token,
      process: new OwnedProcess({
        name,
        args: () => [
          join(repository, "agent", "src", "main.ts"),
          ...["--data-dir", dataDir, "--coordinator", this.#agentAddresses()],
          ...["--name", name, "--address", address, "--runtime", "exec"],
        ],
        environment: () => ({
          ...this.#environment(),
          LORMAS_HOST_MARK: mark,
          ...(at.token === null ? {} : { LORMAS_JOIN_TOKEN: at.token }),
        }),
        logPath: join(this.folder, `${name}.log`),
        onEnd: () => this.onAgentEnd(name),
      }),
    };
    this.nodes.set(name, at);
    at.process.start();
  }

  node(name: string): NodeAt {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  coordinator(name = "coordinator-1"): CoordinatorAt {
    const coordinator = this.coordinators.get(name);
    if (coordinator === undefined) throw new Error(`no coordinator ${name}`);
    return coordinator;
  }

  /** A typed client of a coordinator, with the administrator's token. */
  api(coordinator?: string): ApiClient {
    const at = coordinator === undefined ? this.#first() : this.coordinator(coordinator);
    const name = [...this.coordinators].find(([, one]) => one === at)?.[0] ?? "";
    const token = readFileSync(join(this.folder, name, "admin.token"), "utf8").trim();
    return createApiClient({ url: at.httpUrl, token });
  }

  /** Waits until these nodes, or all, are healthy. */
  async healthy(
    names: readonly string[] = [...this.nodes.keys()],
    boundMs = 60_000,
    coordinator?: string,
  ): Promise<void> {
    await until(`${names.join(", ")} healthy`, boundMs, async () => {
      const { nodes } = await this.api(coordinator).nodes.listNodes({});
      const status = new Map(nodes.map((node) => [node.name, node.status]));
      return names.every((name) => status.get(name) === NodeStatus.HEALTHY);
    });
  }

  /** Waits until a container has this status. */
  async container(name: string, wanted: keyof typeof ContainerStatus, boundMs = 60_000): Promise<Container> {
    return await until(`${name} is ${wanted}`, boundMs, async () => {
      const { container } = await this.api().containers.getContainer({ id: name });
      return container?.status === ContainerStatus[wanted] ? container : undefined;
    });
  }

  /** Runs one statement in the fleet's database. */
  async rows(statement: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return await query(this.databaseUrl, statement, values);
  }

  /** Kills everything of a node at once, as when its host dies. */
  async killNode(name: string): Promise<void> {
    const { process: agent, mark } = this.node(name);
    const down = agent.stayDown();
    await killAll(systemClock, () => markedPids(mark));
    await down;
  }

  processes(): FleetProcess[] {
    return fleetProcesses(this.#mark, this.folder);
  }

  /** What a process of this fleet has logged. */
  log(name: string): string {
    try {
      return readFileSync(join(this.folder, `${name}.log`), "utf8");
    } catch {
      return "";
    }
  }

  /** Ends everything and removes every trace. */
  async dispose(): Promise<void> {
    const all = [...this.coordinators.values(), ...this.nodes.values()].map(({ process: one }) => one);
    const ends = all.map((one) => one.stayDown());
    await killAll(systemClock, () => this.processes().map(({ pid }) => pid));
    await Promise.all(ends);
    for (const one of all) one.cutLifelines();
    await this.#claim?.release();
    await query(testServerUrl(), `drop database if exists ${this.#databaseName} with (force)`);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #agentAddresses(): string {
    return [...this.coordinators.values()].map(({ agentAddress }) => agentAddress).join(",");
  }

  #first(): CoordinatorAt {
    const [first] = this.coordinators.values();
    if (first === undefined) throw new Error("no coordinator was started");
    return first;
  }

  #environment(): Record<string, string> {
    const kept = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(npm_|VITEST|LORMAS_|NODE_OPTIONS|NODE_ENV)/.test(name) ? [] : [[name, value] as const],
    );
    return {
      ...Object.fromEntries(kept),
      [FLEET_MARK]: this.#mark,
      LORMAS_PROFILE: "fast",
      ...this.#options.environment,
    };
  }
}

async function query(
  url: string,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement, [...values])).rows;
  } finally {
    await client.end();
  }
}
