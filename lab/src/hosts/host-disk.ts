import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bounded } from "../command/bounded-command.ts";

const FILLER = "filler";
const PIECE_BYTES = 1024 * 1024;

/** The disk of one host: a tmpfs of bounded size. It outlives the host's power and is full when it is full. */
export class HostDisk {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  make(megabytes: number): void {
    mkdirSync(this.path, { recursive: true, mode: 0o755 });
    bounded("mount", "-t", "tmpfs", "-o", `mode=755,size=${megabytes}m`, "tmpfs", this.path);
  }

  /** Leaves no byte free. */
  fill(): void {
    const file = openSync(join(this.path, FILLER), "a");
    try {
      for (let piece = Buffer.alloc(PIECE_BYTES); piece.length > 0; ) {
        try {
          writeSync(file, piece);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          piece = piece.subarray(0, Math.floor(piece.length / 2));
        }
      }
    } finally {
      closeSync(file);
    }
  }

  get isFull(): boolean {
    return existsSync(join(this.path, FILLER));
  }

  empty(): void {
    rmSync(join(this.path, FILLER), { force: true });
  }
}
