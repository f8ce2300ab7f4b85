import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./awaited.ts";
import type { BenchSizes } from "./bench-arguments.ts";

const REMOVED_MS = 15_000;

type Undo = () => Promise<unknown> | unknown;

/**
 * What a section is given: how much to measure, somewhere to say how far it is, and a list of what must be ended. Whatever a
 * section starts it hands to `defer` at once, so that an interrupted bench leaves nothing behind either.
 */
export class BenchRun {
  readonly sizes: BenchSizes;
  /** Says one line of progress. */
  readonly say: (line: string) => void;
  readonly #undo: Undo[] = [];

  constructor(sizes: BenchSizes, say: (line: string) => void) {
    this.sizes = sizes;
    this.say = say;
  }

  /** Ends or removes something at `end`, the last one first. */
  defer(undo: Undo): void {
    this.#undo.push(undo);
  }

  /** A folder that goes with the run. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "lormas-bench-"));
    this.defer(() => removed(folder));
    return folder;
  }

  /** A part of the run with an end of its own: what it starts has ended when this resolves or rejects. */
  async part<T>(work: (part: BenchRun) => Promise<T>): Promise<T> {
    const part = new BenchRun(this.sizes, this.say);
    this.defer(() => part.end());
    try {
      return await work(part);
    } finally {
      await part.end();
    }
  }

  /** Undoes everything that was deferred; one that fails does not keep the others from it. May be repeated. */
  async end(): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        this.say(`could not clean up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** A database whose parent was killed still writes while it ends: the folder is removed again until it is gone. */
function removed(folder: string): Promise<true> {
  return until(
    `${folder} is removed`,
    REMOVED_MS,
    () => {
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
      }
      return !existsSync(folder);
    },
    100,
  );
}
