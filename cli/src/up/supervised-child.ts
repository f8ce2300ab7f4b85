import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { BackOff } from "./back-off.ts";
import { cgroupPids, hostMarkVariable, killAll, markedPids } from "./host-mark.ts";
import { LogFile } from "./log-file.ts";
import { readProcess, stillRuns } from "./npm-ancestors.mjs";

/** What a child is and how it is started. */
export interface ChildProgram {
  /** Unique among the children of one supervisor. */
  readonly name: string;
  readonly executable: string;
  readonly args: () => readonly string[];
  readonly cwd: string;
  /** The whole environment but lifeline and mark; asked before every start, so that a join token can be fresh. */
  readonly environment: () => Promise<Record<string, string>>;
  readonly logPath: string;
  /** True opens a channel for messages from the child (`process.send`). */
  readonly messages: boolean;
  /** What asks it to end in order; SIGTERM when absent. */
  readonly stopSignal?: NodeJS.Signals;
}

/** "waiting" is between a death and the next start; "killed" stays down until start() is called. */
export type ChildState = "stopped" | "running" | "waiting" | "stopping" | "killed";

interface ChildEvents {
  message: [unknown];
  /** Died by itself: exit code or signal, and the wait before the next start. */
  died: [how: string, waitMs: number];
}

const lifelineFd = 3;
const sweepMs = 2000;

/**
 * One child, kept running. It gets its own process group (so that the terminal's Ctrl-C reaches the supervisor alone),
 * a lifeline, a host mark, and a log. When it dies by itself it is started again after a back-off; what it has left
 * running stays, for the next one to adopt, until stop() or kill().
 */
export class SupervisedChild extends EventEmitter<ChildEvents> {
  readonly program: ChildProgram;
  readonly mark: string;
  readonly #clock: Clock;
  readonly #log: LogFile;
  readonly #backOff = new BackOff();
  /** Write ends. Older ones stay while a guard of an earlier run still holds the other end. */
  readonly #lifelines = new Set<Socket>();
  /** Pids and start times of what was found running, until it is gone. */
  readonly #seen = new Map<number, string>();
  #state: ChildState = "stopped";
  #process: ChildProcess | undefined;
  #cancelRestart: (() => void) | undefined;

  constructor(program: ChildProgram, mark: string, clock: Clock) {
    super();
    this.program = program;
    this.mark = mark;
    this.#clock = clock;
    this.#log = new LogFile(program.logPath);
  }

  get state(): ChildState {
    return this.#state;
  }

  /** The pid while it runs. */
  get pid(): number | undefined {
    return this.#state === "running" || this.#state === "stopping" ? this.#process?.pid : undefined;
  }

  /** Starts it, unless it runs. Rejects when its environment cannot be made or the program cannot be executed. */
  async start(): Promise<void> {
    if (this.#state === "running" || this.#state === "stopping") return;
    this.#cancelRestart?.();
    this.#state = "waiting";
    const environment = await this.program.environment();
    if (this.#state !== "waiting") return; // Stopped or killed meanwhile.
    const child = spawn(this.program.executable, this.program.args(), {
      cwd: this.program.cwd,
      detached: true,
      env: { ...environment, LORMAS_LIFELINE_FD: String(lifelineFd), [hostMarkVariable]: this.mark },
      stdio: ["ignore", "pipe", "pipe", "pipe", ...(this.program.messages ? (["ipc"] as const) : [])],
    });
    this.#process = child;
    this.#state = "running";
    const startedMs = this.#clock.nowMs();
    child.stdout?.on("data", (chunk: Buffer) => this.#log.write(chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.#log.write(chunk));
    child.on("message", (message) => this.emit("message", message));
    this.#keepLifeline(child.stdio[lifelineFd]);
    child.once("exit", (code, signal) => this.#ended(child, signal ?? `exit code ${code}`, startedMs));
    await once(child, "spawn"); // Rejects with the error when it cannot be executed.
  }

  #keepLifeline(stream: unknown): void {
    if (!(stream instanceof Socket)) return;
    this.#lifelines.add(stream);
    stream.resume(); // Only so that its end is seen: nobody writes on it.
    stream.on("error", () => stream.destroy());
    stream.on("close", () => this.#lifelines.delete(stream));
  }

  #ended(child: ChildProcess, how: string, startedMs: number): void {
    if (this.#process !== child || this.#state !== "running") return;
    const waitMs = this.#backOff.nextMs(this.#clock.nowMs() - startedMs);
    this.#state = "waiting";
    this.#restartAfter(waitMs);
    this.emit("died", how, waitMs);
  }

  #restartAfter(waitMs: number): void {
    this.#cancelRestart = this.#clock.after(waitMs, () => {
      this.#cancelRestart = undefined;
      this.start().catch((error: unknown) => {
        if (this.#state !== "waiting") return;
        const nextMs = this.#backOff.nextMs(0);
        this.#restartAfter(nextMs);
        this.emit("died", error instanceof Error ? error.message : String(error), nextMs);
      });
    });
  }

  /**
   * Ends it and all it runs: its stop signal, SIGKILL after `graceMs`, then the lifeline, then SIGKILL for whatever still
   * carries its mark (at most 2 s later). Nothing of it is left when this resolves.
   */
  async stop(graceMs: number, nodeId: string): Promise<void> {
    const child = this.#process;
    this.#everything(nodeId);
    this.#leave("stopping");
    if (child !== undefined && isAlive(child)) {
      const cancel = this.#clock.after(graceMs, () => child.kill("SIGKILL"));
      child.kill(this.program.stopSignal ?? "SIGTERM");
      await exited(child);
      cancel();
    }
    this.#cutLifelines();
    if (graceMs > 0) await this.#waitUntilSwept(Math.min(graceMs, sweepMs), nodeId);
    await killAll(this.#clock, () => this.#everything(nodeId));
    this.#state = "stopped";
  }

  /** The hard way: SIGKILL at once for it and all it runs. It stays down. Resolves with how many processes that were. */
  async kill(nodeId: string): Promise<number> {
    const child = this.#process;
    this.#leave("killed");
    const killed = await killAll(this.#clock, () => this.#everything(nodeId));
    if (child !== undefined) await exited(child);
    this.#cutLifelines();
    return killed;
  }

  #leave(state: ChildState): void {
    this.#cancelRestart?.();
    this.#cancelRestart = undefined;
    this.#backOff.reset();
    this.#state = state;
  }

  /** All that runs of it. A process that is dying shows its mark no more, so whatever was seen once counts until it is gone. */
  #everything(nodeId: string): number[] {
    for (const pid of [...markedPids(this.mark), ...cgroupPids(nodeId)]) {
      const start = readProcess(pid)?.startTime;
      if (start !== undefined) this.#seen.set(pid, start);
    }
    for (const [pid, startTime] of this.#seen) if (!stillRuns({ pid, startTime })) this.#seen.delete(pid);
    return [...this.#seen.keys()];
  }

  async #waitUntilSwept(boundMs: number, nodeId: string): Promise<void> {
    const endMs = this.#clock.nowMs() + boundMs;
    while (this.#clock.nowMs() < endMs && this.#everything(nodeId).length > 0) await this.#clock.sleep(20);
  }

  #cutLifelines(): void {
    for (const lifeline of this.#lifelines) lifeline.destroy();
  }

  /** Frees the log. Call it when the child is stopped for good. */
  close(): void {
    this.#log.close();
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function exited(child: ChildProcess): Promise<void> {
  if (isAlive(child)) await once(child, "exit");
}
