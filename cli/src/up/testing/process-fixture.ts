import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, waitFor } from "../../clock.ts";
import { killPid, markedPids } from "../host-mark.ts";
import { readProcess } from "../npm-ancestors.mjs";

/** A directory for one test, with small programs in it; dispose() ends what carries its marks and removes it. */
export class ProcessFixture {
  readonly directory = mkdtempSync(join(tmpdir(), "lormas-up-"));
  readonly #marks: string[] = [];

  /** Writes a program and gives its path. */
  program(name: string, source: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, source);
    return path;
  }

  /** A host mark that is this test's own. */
  newMark(): string {
    const mark = `test-${process.pid}-${this.directory.slice(-6)}-${this.#marks.length}`;
    this.#marks.push(mark);
    return mark;
  }

  /** Everything that carries one of this test's marks. */
  running(): number[] {
    return this.#marks.flatMap((mark) => markedPids(mark));
  }

  dispose(): void {
    for (const pid of this.running()) killPid(pid);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Waits until the condition holds; fails after `boundMs`. */
export async function until(what: string, boundMs: number, condition: () => boolean): Promise<void> {
  const held = await waitFor(systemClock, boundMs, 10, () => (condition() ? true : undefined));
  if (held === undefined) throw new Error(`within ${boundMs} ms it did not happen: ${what}`);
}

/** True while a process of that pid runs (a zombie does not). */
export function runs(pid: number): boolean {
  return readProcess(pid) !== null;
}
