import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import type {
  EmitOrder,
  Emitted,
  ForetellOrder,
  Foretold,
  Held,
  HeldOrder,
  HostOrder,
  HostReady,
} from "./host-message.ts";

const PROGRAM = fileURLToPath(new URL("./host-main.ts", import.meta.url));
const READY_MS = 120_000;
/** Beyond the seconds for which it was told to do something. */
const LATE_MS = 30_000;

/** A coordinator without an agent plane, in a process of its own, on a fleet that is stored already. */
export class ApiHost {
  readonly api: ApiClient;
  /** From the start of the process until it served: the whole fleet was read meanwhile. */
  readonly readyMs: number;
  readonly pid: number;
  /** The administrator's. */
  readonly token: string;
  readonly #child: ChildProcess;

  private constructor(parts: Pick<ApiHost, "api" | "readyMs" | "pid" | "token">, child: ChildProcess) {
    this.api = parts.api;
    this.readyMs = parts.readyMs;
    this.pid = parts.pid;
    this.token = parts.token;
    this.#child = child;
  }

  /** Ends with the part. */
  static async start(part: BenchRun, databaseUrl: string): Promise<ApiHost> {
    const dataDir = part.folder();
    const file = join(dataDir, "order.json");
    writeFileSync(file, JSON.stringify({ databaseUrl, dataDir } satisfies HostOrder), { mode: 0o600 });
    const begunMs = monotonicMs();
    const child = fork(PROGRAM, [file], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    part.defer(() => ended(child, "SIGKILL"));
    let url = "";
    child.once("message", (ready: HostReady) => {
      url = ready.url;
    });
    await until("the API serves", READY_MS, () => url !== "" || child.exitCode !== null);
    if (url === "") throw new Error(`the API's process ended with code ${child.exitCode}: look at its words above`);
    const token = readFileSync(join(dataDir, "admin.token"), "utf8").trim();
    const readyMs = monotonicMs() - begunMs;
    return new ApiHost({ api: createApiClient({ url, token }), readyMs, pid: child.pid ?? 0, token }, child);
  }

  /** Commits events evenly. Sequence numbers and the moments after their commits. */
  async emit(order: Omit<EmitOrder, "type">): Promise<Map<number, number>> {
    const { commits } = await this.#answer<Emitted>({ type: "emit", ...order }, order.seconds);
    return new Map(commits.map(([sequence, atMs]) => [sequence, atMs]));
  }

  /** Foretells every node's death again and again, of a fleet that changes; how long each forecast took. */
  async foretell(seconds: number): Promise<readonly number[]> {
    return (await this.#answer<Foretold>({ type: "foretell", seconds }, seconds)).tookMs;
  }

  /** CPU time for which the coordinator's thread was held, at most, since this was last asked, or since it served. */
  held(): Promise<Held> {
    return this.#answer<Held>({ type: "held" }, 0);
  }

  /** What the host says next; it is given one order at a time. */
  async #answer<Answer>(order: EmitOrder | ForetellOrder | HeldOrder, seconds: number): Promise<Answer> {
    let answer: Answer | undefined;
    this.#child.once("message", (message: Answer) => {
      answer = message;
    });
    this.#child.send(order);
    return until(`the host has done ${order.type}`, seconds * 1_000 + LATE_MS, () => answer);
  }
}
