import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Clock } from "../runtime/clock.ts";
import type { FenceCall, FenceHook, FenceOutcome, FenceRequest } from "../runtime/fence-hook.ts";
import type { RuntimeLog } from "../runtime/runtime-log.ts";
import { hookFileProblem } from "./hook-file.ts";

/** Bytes that are kept, and logged, of each of its two outputs; what comes after them is read and thrown away. */
export const HOOK_OUTPUT_MAX = 4_096;

export type ProcessFenceHookPorts = {
  /** An absolute path; looked at anew before each call. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** Of the coordinator; the hook gets PATH, HOME, LANG and TZ of it, and no secret. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** After its end: what it wrote may still be in its pipes, and a process that left its group may hold them open. */
const OUTPUT_GRACE_MS = 100;
const INHERITED = ["PATH", "HOME", "LANG", "TZ"] as const;

/** A program as the hook (docs/fence-hook.md): no shell, a process group of its own, ended with everything in it. */
export class ProcessFenceHook implements FenceHook {
  readonly name: string;
  readonly #ports: ProcessFenceHookPorts;

  constructor(ports: ProcessFenceHookPorts) {
    this.#ports = ports;
    this.name = ports.path;
  }

  call(request: FenceRequest): FenceCall {
    const { path, env, timeoutMs } = this.#ports;
    const problem = hookFileProblem(path);
    if (problem) return failed(`${path} ${problem}`);
    const inherited = INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
    try {
      const child = spawn(path, [], {
        // A group of its own, so that whatever it starts ends with it.
        detached: true,
        cwd: "/",
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...Object.fromEntries(inherited), ...variables(request, timeoutMs) },
      });
      return this.#followed(child, request);
    } catch (thrown) {
      return failed(`it could not be started: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  }

  #followed(child: ChildProcess, request: FenceRequest): FenceCall {
    const { clock, log, timeoutMs } = this.#ports;
    const stdout = kept(child.stdout);
    const stderr = kept(child.stderr);
    let end = (_reason: string): void => {};
    const outcome = new Promise<FenceOutcome>((resolve) => {
      let over = false;
      const settle = (result: FenceOutcome): void => {
        if (over) return;
        over = true;
        cancel();
        if (child.exitCode === null && child.signalCode === null) killGroup(child);
        child.stdout?.destroy();
        child.stderr?.destroy();
        const fields = { node: request.nodeName, stdout: stdout(), stderr: stderr() };
        if (result.off) log.info(fields, "the fence hook says that the host is off");
        else log.warn({ ...fields, reason: result.reason }, "the fence hook failed");
        resolve(result);
      };
      end = (reason) => settle({ off: false, reason });
      const cancel = clock.schedule(timeoutMs, () => end(`it did not end within ${timeoutMs} ms and was killed`));
      child.on("error", (error) => end(`it could not be started: ${error.message}`));
      child.on("exit", (code, signal) => {
        const why = signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`;
        const finish = (): void => settle(code === 0 ? { off: true } : { off: false, reason: why });
        killGroup(child);
        child.on("close", finish);
        clock.schedule(OUTPUT_GRACE_MS, finish);
      });
    });
    return { outcome, end: () => end("the call was ended") };
  }
}

const failed = (reason: string): FenceCall => ({ outcome: Promise.resolve({ off: false, reason }), end: () => {} });

function variables(request: FenceRequest, timeoutMs: number): Record<string, string> {
  return {
    LORMAS_FENCE_NODE_ID: request.nodeId,
    LORMAS_FENCE_NODE_NAME: request.nodeName,
    LORMAS_FENCE_ADDRESS: request.address,
    LORMAS_FENCE_CLUSTER: request.clusterName,
    LORMAS_FENCE_REASON: request.reason,
    LORMAS_FENCE_SECONDS: String(timeoutMs / 1_000),
    LORMAS_FENCE_SILENT_NODES: String(request.silentNodes),
    LORMAS_FENCE_NODES: String(request.nodes),
  };
}

/** Reads everything, so that the writer never waits, and keeps the beginning. */
function kept(stream: Readable | null): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on("data", (chunk: Buffer) => {
    if (bytes >= HOOK_OUTPUT_MAX) return;
    chunks.push(chunk.subarray(0, HOOK_OUTPUT_MAX - bytes));
    bytes += chunk.length;
  });
  stream?.on("error", () => {});
  return () => Buffer.concat(chunks).toString("utf8");
}

/** It, or what it has left in its group at its end. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
