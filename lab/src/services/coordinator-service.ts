import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostPower } from "../hosts/host-power.ts";
import { repository } from "../repository.ts";
import { until } from "../until.ts";
import { HostService } from "./host-service.ts";

const HTTP_PORT = 8080;
const AGENT_PORT = 7443;
const READY_MS = 120_000;
const LOG = "coordinator.log";

/** The coordinator with its PostgreSQL, on the host of the control plane. Nobody but the lab starts it again. */
export class CoordinatorService extends HostService {
  readonly dataDir: string;
  readonly #host: HostPower;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(host: HostPower, diskPath: string, environment: Readonly<Record<string, string>>) {
    super(host, "coordinator");
    this.#host = host;
    this.dataDir = join(diskPath, "coordinator");
    this.#environment = environment;
  }

  get httpUrl(): string {
    return `http://${this.#host.network.address}:${HTTP_PORT}`;
  }

  get agentAddress(): string {
    return `${this.#host.network.address}:${AGENT_PORT}`;
  }

  /** The administrator's token for programs. */
  get token(): string {
    return readFileSync(join(this.dataDir, "admin.token"), "utf8").trim();
  }

  /** Of the embedded database, as seen from the host. */
  get databaseUrl(): string {
    // Written by the coordinator, which promises these fields.
    const file = readFileSync(join(this.dataDir, "postgres", "credentials.json"), "utf8");
    const { password, port } = JSON.parse(file) as { password: string; port: number };
    return `postgres://lormas:${password}@127.0.0.1:${port}/lormas`;
  }

  /** Starts it when it does not run, and waits until it serves. */
  async start(): Promise<void> {
    if (!this.runs) {
      this.#host.start([process.execPath, join(repository, "coordinator/src/main.ts")], LOG, {
        ...this.#environment,
        LORMAS_DATA_DIR: this.dataDir,
        LORMAS_HTTP_LISTEN: `${this.#host.network.address}:${HTTP_PORT}`,
        LORMAS_AGENT_LISTEN: this.agentAddress,
        // The network is the lab's own, and its faults are to be seen, not TLS.
        LORMAS_PUBLIC_TLS: "off",
        // Its programs watch by asking, from another address than the coordinator's.
        LORMAS_API_CALLS_PER_SECOND: "0",
      });
    }
    await until(`the coordinator is ready; its log is ${join(this.#host.folder, LOG)}`, READY_MS, async () => {
      return (
        existsSync(join(this.dataDir, "admin.token")) && (await fetch(`${this.httpUrl}/health/ready`)).status === 200
      );
    });
  }
}
