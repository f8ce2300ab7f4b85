import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { StoreLog } from "../store-log.ts";
import type { ServerAccount } from "./server-account.ts";

/** How a start went: ready, or the last lines that the server wrote before it ended. */
export type StartOutcome = { readonly ready: true } | { readonly ready: false; readonly lines: string };

/** One run of the server program. */
export type ServerProcess = {
  readonly pid: number;
  /** Resolves when it accepts connections, or has ended before. */
  readonly started: Promise<StartOutcome>;
  readonly exited: Promise<void>;
  /** False once it has ended. */
  running(): boolean;
  signal(signal: NodeJS.Signals): void;
};

const LINES_KEPT_MAX = 40;

/** Starts the server in a session of its own: Ctrl-C reaches whoever stops it in order, not it. */
export function startServerProcess(
  account: ServerAccount,
  postgres: string,
  data: string,
  settings: Readonly<Record<string, string>>,
  log: StoreLog,
): ServerProcess {
  const argv = [...account.prefix, postgres, "-D", data];
  for (const [name, value] of Object.entries(settings)) argv.push("-c", `${name}=${value}`);
  const [program = "", ...rest] = argv;
  const child: ChildProcess = spawn(program, rest, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    ...account.identity,
  });
  const lines: string[] = [];
  let ended = false;
  let announceReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    announceReady = resolve;
  });
  const exited = new Promise<void>((resolve) => {
    const end = (reason: string): void => {
      if (reason !== "") lines.push(reason);
      ended = true;
      resolve();
    };
    child.once("error", (error) => end(error.message));
    // "close" comes after the last line has been read, unless children hold the pipe; "exit" is certain.
    child.once("exit", () => end(""));
  });
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT_MAX) lines.shift();
      if (line.includes("database system is ready to accept connections")) announceReady();
      if (/\b(FATAL|PANIC)\b/.test(line) && !/terminating|starting up|shutting down/.test(line)) {
        log.warn({ line }, "embedded PostgreSQL");
      }
    });
    // Only the log hangs on this pipe; it must not keep the process alive.
    child.stderr.on("error", () => {});
  }
  return {
    pid: child.pid ?? 0,
    exited,
    started: Promise.race([
      ready.then((): StartOutcome => ({ ready: true })),
      exited.then(async (): Promise<StartOutcome> => {
        await streamEnded(child);
        return { ready: false, lines: lines.join("\n") };
      }),
    ]),
    running: () => !ended,
    signal(signal) {
      if (!ended) child.kill(signal);
    },
  };
}

function streamEnded(child: ChildProcess): Promise<void> {
  const stream = child.stderr;
  if (stream === null || stream.destroyed || stream.readableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", () => resolve());
  });
}
