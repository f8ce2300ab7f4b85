import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { systemClock } from "../../cli/src/clock.ts";
import { ControlClient } from "../../cli/src/up/control-client.ts";
import { DataDir, readJsonFile } from "../../cli/src/up/data-dir.ts";
import { until } from "../../lab/src/until.ts";
import { describe, FLEET_MARK, type FleetProcess, fleetProcesses } from "./fleet-processes.ts";
import { RestClient } from "./rest-client.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const launcher = join(repository, "lormas");
/** Loaded machines are slow; a good one takes a tenth of it. */
const UP_MS = 90_000;
const STOP_MS = 30_000;

/** What a command of the CLI did. */
export type CliOutcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** A container as REST shows it; the fields that tests look at. */
export type ContainerJson = {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly statusReason: string;
  readonly nodeName: string;
  readonly epoch: string;
  readonly endpoints: readonly { readonly name: string; readonly address: string; readonly port: number }[];
};

/** How a fleet is started; the ports are always free ones of the machine's choice. */
export type FleetOptions = {
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
};

/** `lormas up` as its user runs it, in a process group of its own, on a data directory that goes with it. */
export class Fleet {
  readonly folder: string;
  /** The CLI of this clone. */
  readonly launcher = launcher;
  readonly dataDir: DataDir;
  readonly control: ControlClient;
  readonly #options: FleetOptions;
  readonly #mark = randomBytes(8).toString("hex");
  #supervisor: ChildProcess | undefined;
  #exit: Promise<number | null> = Promise.resolve(null);
  #output = "";

  constructor(options: FleetOptions = {}) {
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), "lormas-e2e-"));
    this.dataDir = new DataDir(join(this.folder, "data"));
    this.control = new ControlClient(this.dataDir, systemClock);
  }

  /** A fleet that is up, with all its nodes healthy. */
  static async up(options: FleetOptions = {}): Promise<Fleet> {
    const fleet = new Fleet(options);
    try {
      await fleet.start();
      return fleet;
    } catch (error) {
      await fleet.dispose();
      throw error;
    }
  }

  /** Runs `lormas up` until it says that it stands. Resolves with the milliseconds that took. */
  async start(): Promise<number> {
    const begunMs = performance.now();
    this.#output = "";
    const args = ["up", "--data-dir", this.dataDir.path, "--runtime", "exec", ...(this.#options.args ?? [])];
    // The fourth is a lifeline: a fleet does not outlive the tests that started it, however those end.
    const child = spawn(launcher, args, {
      env: { ...this.#environment(), LORMAS_LIFELINE_FD: "3" },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#supervisor = child;
    child.stdout?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    let ended = false;
    this.#exit = new Promise((resolve) => {
      child.once("exit", (code) => {
        ended = true;
        resolve(code);
      });
    });
    await until(`lormas up stands; it said:\n${this.#output}`, UP_MS, () => {
      return ended || this.#output.includes("Ctrl-C stops everything");
    });
    if (ended) throw new Error(`lormas up ended:\n${this.#output}\n${this.coordinatorLog().slice(-4_000)}`);
    return performance.now() - begunMs;
  }

  /** What `lormas up` printed since the last start. */
  get output(): string {
    return this.#output;
  }

  /** The supervisor's process. */
  get pid(): number {
    const pid = this.#supervisor?.pid;
    if (pid === undefined) throw new Error("the fleet was not started");
    return pid;
  }

  /** Where the coordinator is now. */
  get httpUrl(): string {
    return this.#record().httpUrl;
  }

  /** What agents dial now. */
  get agentAddress(): string {
    return this.#record().agentAddress;
  }

  get token(): string {
    return readFileSync(this.dataDir.adminToken, "utf8").trim();
  }

  /** A typed client with the administrator's token. */
  api(): ApiClient {
    return createApiClient({ url: this.httpUrl, token: this.token });
  }

  /** The REST routes with the administrator's token. */
  rest(): RestClient {
    return new RestClient(this.httpUrl, this.token);
  }

  /** Creates a container from hello-http over REST and waits until it runs; its JSON then. */
  async createRunning(name: string, fields: Readonly<Record<string, unknown>> = {}): Promise<ContainerJson> {
    const body = { name, eggId: "hello-http", type: "CONTAINER_TYPE_HA", ...fields };
    const { status, body: answer } = await this.rest().post("/api/v1/containers", body);
    if (status !== 200) throw new Error(`creating ${name}: HTTP ${status} ${JSON.stringify(answer)}`);
    return await this.container(name, "RUNNING");
  }

  /** Waits until a container has that status ("RUNNING") and gives it as REST shows it then. */
  async container(name: string, wanted: string, boundMs = 60_000): Promise<ContainerJson> {
    return await until(`${name} is ${wanted}`, boundMs, async () => {
      const { body } = await this.rest().get(`/api/v1/containers/${name}`);
      // The route answers {container: …} whenever it answers 200; a refusal has no container and counts as not yet.
      const container = body["container"] as ContainerJson | undefined;
      return container?.status === `CONTAINER_STATUS_${wanted}` ? container : undefined;
    });
  }

  /** Waits until all nodes, or those named, have that status ("HEALTHY"). */
  async nodes(
    wanted: keyof typeof NodeStatus,
    names: readonly string[] = ["node-1", "node-2", "node-3"],
  ): Promise<void> {
    await until(`${names.join(", ")} ${wanted}`, 60_000, async () => {
      const { nodes } = await this.api().nodes.listNodes({});
      const status = new Map(nodes.map((node) => [node.name, node.status]));
      return names.every((name) => status.get(name) === NodeStatus[wanted]);
    });
  }

  coordinatorLog(): string {
    try {
      return readFileSync(this.dataDir.log("coordinator"), "utf8");
    } catch {
      return "";
    }
  }

  /** Runs a command of the CLI to its end. */
  cli(...args: readonly string[]): Promise<CliOutcome> {
    return outcomeOf(spawn(launcher, [...args, "--data-dir", this.dataDir.path], { env: this.#environment() }), "");
  }

  /** Runs a command of the CLI that is told of this fleet by `env` alone, with `input` on stdin. */
  plainCli(env: NodeJS.ProcessEnv, args: readonly string[], input = ""): Promise<CliOutcome> {
    return outcomeOf(spawn(launcher, [...args], { env: { ...env, [FLEET_MARK]: this.#mark } }), input);
  }

  /** Every process of this fleet that runs now. */
  processes(): FleetProcess[] {
    return fleetProcesses(this.#mark, this.folder);
  }

  /** The process of the coordinator, an agent or the like, as the supervisor names it. */
  async childPid(name: string): Promise<number> {
    const { children } = await this.control.status();
    const pid = children.find((child) => child.name === name)?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /** Ctrl-C: SIGINT for the whole foreground group. Resolves with the exit code and the milliseconds it took. */
  async interrupt(): Promise<{ code: number | null; tookMs: number }> {
    const begunMs = performance.now();
    process.kill(-this.pid, "SIGINT");
    let code: number | null | undefined;
    void this.#exit.then((value) => (code = value));
    await until(`lormas up has ended; it said:\n${this.#output}`, STOP_MS, () => code !== undefined);
    return { code: code ?? null, tookMs: performance.now() - begunMs };
  }

  /** `kill -9` of the supervisor alone. Resolves once it is gone; its children are not waited for. */
  async killSupervisor(): Promise<void> {
    process.kill(this.pid, "SIGKILL");
    await this.#exit;
  }

  /** Waits until nothing of this fleet runs any more. */
  async gone(boundMs: number): Promise<void> {
    try {
      await until("nothing of the fleet runs", boundMs, () => this.processes().length === 0);
    } catch {
      throw new Error(`after ${boundMs} ms there still run:\n${describe(this.processes())}`);
    }
  }

  /** Ends whatever still runs and removes the folder. */
  async dispose(): Promise<void> {
    if (this.#supervisor?.exitCode === null && this.#supervisor.signalCode === null) {
      await this.interrupt().catch(() => undefined);
    }
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, "SIGCONT");
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
    await this.gone(10_000);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #record(): { httpUrl: string; agentAddress: string } {
    const record = readJsonFile(this.dataDir.coordinatorRecord);
    const has = typeof record === "object" && record !== null && "httpUrl" in record && "agentAddress" in record;
    if (!has) throw new Error("no coordinator has said where it is");
    return { httpUrl: String(record.httpUrl), agentAddress: String(record.agentAddress) };
  }

  #environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_") && !name.startsWith("VITEST"));
    return {
      ...Object.fromEntries(kept),
      LORMAS_HTTP_LISTEN: "127.0.0.1:0",
      LORMAS_AGENT_LISTEN: "127.0.0.1:0",
      [FLEET_MARK]: this.#mark,
      ...this.#options.environment,
    };
  }
}

function outcomeOf(child: ChildProcessWithoutNullStreams, input: string): Promise<CliOutcome> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    // One that ends without reading it is no failure of the test.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
