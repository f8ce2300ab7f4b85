import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync, writeSync } from "node:fs";

/** Bytes after which a log file becomes `<name>.1`; so a child's logs take at most twice this. */
export const logBytesMax = 10 * 1024 * 1024;
const tailBytesMax = 64 * 1024;

/**
 * A child's log: appended to, rotated at a bound, one older file kept. Writes are synchronous, so nothing queues up
 * in the supervisor: a child that writes faster than the disk waits in its pipe.
 */
export class LogFile {
  readonly path: string;
  readonly #bytesMax: number;
  #fd: number;
  #bytes: number;

  constructor(path: string, bytesMax: number = logBytesMax) {
    this.path = path;
    this.#bytesMax = bytesMax;
    this.#fd = openSync(path, "a", 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Appends; a chunk is never divided between two files. */
  write(chunk: Uint8Array): void {
    if (this.#bytes > 0 && this.#bytes + chunk.byteLength > this.#bytesMax) {
      closeSync(this.#fd);
      renameSync(this.path, `${this.path}.1`);
      this.#fd = openSync(this.path, "a", 0o600);
      this.#bytes = 0;
    }
    writeSync(this.#fd, chunk);
    this.#bytes += chunk.byteLength;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The last lines of a log, oldest first, at most `linesMax` and 64 KiB; empty when there is no such file. */
export function logTail(path: string, linesMax: number): string[] {
  if (!existsSync(path)) return [];
  const size = statSync(path).size;
  const buffer = Buffer.alloc(Math.min(size, tailBytesMax));
  const fd = openSync(path, "r");
  try {
    const read = readSync(fd, buffer, 0, buffer.byteLength, size - buffer.byteLength);
    const lines = buffer.toString("utf8", 0, read).trimEnd().split("\n");
    return lines.slice(-linesMax).filter((line) => line !== "");
  } finally {
    closeSync(fd);
  }
}
