import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";

/** A program of ours, started and started again by a test. */
export type OwnedProgram = {
  readonly name: string;
  readonly args: () => readonly string[];
  /** The whole environment but the lifeline. */
  readonly environment: () => Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Called with every message that it sends to its parent. */
  readonly onMessage?: (message: unknown) => void;
  /** Called when it has ended, before it is started again. */
  readonly onEnd?: () => void;
};

/** One process of a fleet that the test is the supervisor of: what dies is started again at once, unless it shall stay down. */
export class OwnedProcess {
  readonly program: OwnedProgram;
  /** How each run that ended without being asked to has ended, in order. */
  readonly deaths: string[] = [];
  #child: ChildProcess | null = null;
  #wanted = false;
  /** Bytes that runs before this one have logged. */
  #loggedBefore = 0;
  #ended: Promise<void> = Promise.resolve();
  /** Write ends. Those of earlier runs stay open: a guard that outlived its agent holds the other end. */
  readonly #lifelines: Socket[] = [];

  constructor(program: OwnedProgram) {
    this.program = program;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.program.name} does not run`);
    return pid;
  }

  get runs(): boolean {
    return this.#child !== null;
  }

  start(): void {
    this.#wanted = true;
    if (this.#child) return;
    const { args, environment, logPath, onMessage } = this.program;
    const log = openSync(logPath, "a");
    this.#loggedBefore = fstatSync(log).size;
    const child = spawn(process.execPath, args(), {
      env: { ...environment(), LORMAS_LIFELINE_FD: "3" },
      stdio: ["ignore", log, log, "pipe", ...(onMessage ? (["ipc"] as const) : [])],
      detached: true,
    });
    closeSync(log);
    const lifeline = child.stdio[3];
    if (lifeline instanceof Socket) {
      lifeline.on("error", () => lifeline.destroy());
      this.#lifelines.push(lifeline.resume());
    }
    if (onMessage) child.on("message", onMessage);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#child = null;
        this.program.onEnd?.();
        if (this.#wanted) {
          this.deaths.push(signal ?? `exit code ${code}`);
          this.start();
        }
        resolve();
      });
    });
  }

  /** What this run, or the last one, has logged. */
  log(): string {
    return readFileSync(this.program.logPath).subarray(this.#loggedBefore).toString("utf8");
  }

  /** Ends it with this signal, and lets it stay down. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    this.#child?.kill(signal);
    await this.#ended;
  }

  /** Says that it shall stay down once it has ended, which somebody else sees to. */
  async stayDown(): Promise<void> {
    this.#wanted = false;
    await this.#ended;
  }

  /** Tells everything of it, guards and containers included, that its supervisor is gone. */
  cutLifelines(): void {
    for (const lifeline of this.#lifelines.splice(0)) lifeline.destroy();
  }
}
