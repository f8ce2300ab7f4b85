import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ApiClient, createApiClient } from "../../cli/src/client/api-client.ts";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import type { EmitOrder, Emitted, HostOrder, HostReady } from "./host-message.ts";

const PROGRAM = fileURLToPath(new URL("./host-main.ts", import.meta.url));
const READY_MS = 120_000;
/** Beyond the seconds it was told to emit. */
const EMIT_LATE_MS = 30_000;

/** A coordinator without an agent plane, in a process of its own, on a fleet that is stored already. */
export class ApiHost {
  readonly api: ApiClient;
  /** From the start of the process until it served: the whole fleet was read meanwhile. */
  readonly readyMs: number;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(parts: Pick<ApiHost, "api" | "readyMs" | "pid">, child: ChildProcess) {
    this.api = parts.api;
    this.readyMs = parts.readyMs;
    this.pid = parts.pid;
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
    return new ApiHost({ api: createApiClient({ url, token }), readyMs, pid: child.pid ?? 0 }, child);
  }

  /** Commits events evenly. Sequence numbers and the moments after their commits. */
  async emit(order: Omit<EmitOrder, "type">): Promise<Map<number, number>> {
    let emitted: Emitted | null = null;
    this.#child.once("message", (message: Emitted) => {
      emitted = message;
    });
    this.#child.send({ type: "emit", ...order } satisfies EmitOrder);
    const { commits } = await until(
      "all events are committed",
      order.seconds * 1_000 + EMIT_LATE_MS,
      () => emitted ?? undefined,
    );
    return new Map(commits.map(([sequence, atMs]) => [sequence, atMs]));
  }
}
