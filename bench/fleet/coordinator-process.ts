import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { type CoordinatorReady, parseCoordinatorReady } from "../../cli/src/up/coordinator-ready.ts";
import { OwnedProcess } from "../../e2e/fleet/owned-process.ts";
import { until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { monotonicMs } from "../frame/monotonic-clock.ts";

const PROGRAM = fileURLToPath(new URL("../../coordinator/src/main.ts", import.meta.url));
const READY_MS = 120_000;

export type CoordinatorSettings = {
  readonly dataDir: string;
  /** Null: the embedded PostgreSQL in the data directory. */
  readonly databaseUrl: string | null;
};

/** A coordinator as it runs in production, in a process of its own. */
export class CoordinatorProcess {
  readonly #settings: CoordinatorSettings;
  readonly #process: OwnedProcess;
  #ready: CoordinatorReady | null = null;
  /** Where it listened first, so that a restarted one is found again. */
  #listened: CoordinatorReady | null = null;

  /** Nothing is started yet; what is ends with the part. */
  constructor(part: BenchRun, settings: CoordinatorSettings) {
    this.#settings = settings;
    this.#process = new OwnedProcess({
      name: "coordinator",
      args: () => [PROGRAM],
      environment: () => this.#environment(),
      logPath: join(part.folder(), "coordinator.log"),
      onMessage: (message) => {
        this.#ready = parseCoordinatorReady(message) ?? this.#ready;
        this.#listened ??= this.#ready;
      },
    });
    part.defer(async () => {
      await this.end("SIGKILL");
      this.#process.cutLifelines();
    });
  }

  /** Starts it, at the addresses of the run before. Milliseconds from the start of the process until it serves. */
  async start(): Promise<number> {
    const begunMs = monotonicMs();
    this.#ready = null;
    this.#process.start();
    const failed = (): boolean => this.#process.deaths.length > 0;
    await until("the coordinator is ready", READY_MS, () => this.#ready !== null || failed());
    if (failed()) {
      await this.end("SIGKILL");
      throw new Error(`the coordinator ended while it started:\n${this.log().slice(-2_000)}`);
    }
    return monotonicMs() - begunMs;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#process.end(signal);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** How often it has ended without being asked to. */
  get deaths(): number {
    return this.#process.deaths.length;
  }

  /** Where agents dial. */
  get agentsAt(): { readonly host: string; readonly port: number } {
    const { hostname, port } = new URL(`tcp://${this.#listened?.agentAddress}`);
    return { host: hostname, port: Number(port) };
  }

  /** A client with the administrator's token. */
  api(): ApiClient {
    if (this.#ready === null) throw new Error("the coordinator does not serve");
    const token = readFileSync(join(this.#settings.dataDir, "admin.token"), "utf8").trim();
    return createApiClient({ url: this.#ready.httpUrl, token });
  }

  log(): string {
    return readFileSync(this.#process.program.logPath, "utf8");
  }

  #environment(): Record<string, string> {
    const kept = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(npm_|LORMAS_|NODE_OPTIONS)/.test(name) ? [] : [[name, value] as const],
    );
    const { dataDir, databaseUrl } = this.#settings;
    return {
      ...Object.fromEntries(kept),
      LORMAS_DATA_DIR: dataDir,
      ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
      LORMAS_HTTP_LISTEN: this.#listened === null ? "127.0.0.1:0" : new URL(this.#listened.httpUrl).host,
      LORMAS_AGENT_LISTEN: this.#listened === null ? "127.0.0.1:0" : this.#listened.agentAddress,
    };
  }
}
