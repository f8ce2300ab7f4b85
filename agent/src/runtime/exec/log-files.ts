import { copyFile, type FileHandle, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Timers, WallClock } from "../../clock/clock.ts";
import { LOG_LINE_CHARS_MAX, type LogRequest, type RuntimeLogLine } from "../container-runtime.ts";
import { LOG_FILES } from "./exec-launch.ts";

/** A log file above this is moved aside; one old file is kept. */
export const LOG_FILE_BYTES_MAX = 10 << 20;
const FOLLOW_POLL_MS = 100;
const CHUNK_BYTES = 64 << 10;
/** Bytes that are looked at from the end of a file for the last lines. */
const TAIL_BYTES_MAX = 4 << 20;

type Stream = RuntimeLogLine["stream"];

/** How long each output file is, in bytes: where what a copy writes begins. */
export type LogSizes = { readonly stdout: number; readonly stderr: number };

export async function logSizes(folder: string): Promise<LogSizes> {
  return {
    stdout: await sizeOf(join(folder, LOG_FILES.stdout)),
    stderr: await sizeOf(join(folder, LOG_FILES.stderr)),
  };
}

/**
 * Moves output files that have grown above their bound aside, to `<name>.1`. The process goes on writing to the same open
 * file, so it is copied and cut: what is written between the two is lost.
 */
export async function rotateLogFiles(folder: string, bytesMax = LOG_FILE_BYTES_MAX): Promise<void> {
  for (const name of Object.values(LOG_FILES)) {
    const path = join(folder, name);
    if ((await sizeOf(path)) <= bytesMax) continue;
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
  }
}

/**
 * The last lines of both outputs, then with `follow` what is added. Within one output lines are in order; which of two
 * outputs wrote first is not known from files, so the tail gives standard output before standard error; nor is when, so its
 * lines carry no time. With `sinceStart` instead of the tail everything from `copyBegan` on, of which a rotation may have
 * taken the beginning. Reads no further than the reader takes.
 */
export async function* readLogFiles(
  folder: string,
  request: LogRequest,
  wall: WallClock,
  timers: Timers,
  copyBegan: LogSizes = { stdout: 0, stderr: 0 },
): AsyncGenerator<RuntimeLogLine> {
  if (!request.sinceStart) await rotateLogFiles(folder);
  const followers: LogFollower[] = [];
  const tails: RuntimeLogLine[] = [];
  for (const [stream, name] of Object.entries(LOG_FILES) as [Stream, string][]) {
    const path = join(folder, name);
    if (request.sinceStart) {
      followers.push(new LogFollower(path, stream, copyBegan[stream]));
      continue;
    }
    const sizeBytes = await sizeOf(path);
    const lines = await lastLines(path, sizeBytes, request.tailLines);
    if (lines.length < request.tailLines) {
      lines.unshift(...(await lastLines(`${path}.1`, await sizeOf(`${path}.1`), request.tailLines - lines.length)));
    }
    tails.push(...lines.map((text) => ({ at: null, stream, text })));
    followers.push(new LogFollower(path, stream, sizeBytes));
  }
  yield* tails.slice(Math.max(0, tails.length - request.tailLines));
  while ((request.follow || request.sinceStart) && !request.signal.aborted) {
    let found = false;
    for (const follower of followers) {
      for (const text of await follower.read()) {
        found = true;
        yield { at: wall.now(), stream: follower.stream, text };
        if (request.signal.aborted) return;
      }
    }
    if (found) continue;
    if (!request.follow) return;
    await timers.sleep(FOLLOW_POLL_MS, request.signal);
  }
}

class LogFollower {
  readonly stream: Stream;
  readonly #path: string;
  #offset: number;
  #rest = "";
  #decoder = new StringDecoder("utf8");

  constructor(path: string, stream: Stream, offset: number) {
    this.#path = path;
    this.stream = stream;
    this.#offset = offset;
  }

  /** The next whole lines, at most one chunk; a file that was cut is read from its start. */
  async read(): Promise<string[]> {
    const sizeBytes = await sizeOf(this.#path);
    if (sizeBytes < this.#offset) this.#offset = 0;
    if (sizeBytes === this.#offset) return [];
    const bytes = await readAt(this.#path, this.#offset, Math.min(CHUNK_BYTES, sizeBytes - this.#offset));
    this.#offset += bytes.length;
    const lines = (this.#rest + this.#decoder.write(bytes)).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LOG_LINE_CHARS_MAX) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    return lines.map(cut);
  }
}

async function lastLines(path: string, sizeBytes: number, linesMax: number): Promise<string[]> {
  if (linesMax <= 0 || sizeBytes === 0) return [];
  const from = Math.max(0, sizeBytes - TAIL_BYTES_MAX);
  const lines = (await readAt(path, from, sizeBytes - from)).toString("utf8").split("\n");
  if (from > 0) lines.shift();
  if (lines.at(-1) === "") lines.pop();
  return lines.slice(-linesMax).map(cut);
}

async function readAt(path: string, offset: number, lengthBytes: number): Promise<Buffer> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, "r");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(lengthBytes), 0, lengthBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file?.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

function cut(line: string): string {
  return line.length > LOG_LINE_CHARS_MAX ? line.slice(0, LOG_LINE_CHARS_MAX) : line;
}
