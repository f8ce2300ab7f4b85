import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type Copy, type Gap, gapsBetween, type Overlap, overlapsOf, runsOf } from "./copy-runs.ts";

/** Reads what every copy has written of itself, whatever anybody else believes. */
export class Witness {
  readonly #folder: string;

  /** @param folder the folder that is shared by all hosts of a lab */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Boot time in milliseconds: the clock of every beat. */
  static nowMs(): number {
    return Math.round(Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 1_000);
  }

  /** Every copy of a container, or of all, that ever ran, in the order in which they began. */
  copies(wanted?: string): Copy[] {
    return this.#files()
      .flatMap((path): Copy[] => {
        const [container = "", epoch, host = "", id = ""] = (path.split("/").at(-1) ?? "").split(".");
        if (wanted !== undefined && container !== wanted) return [];
        const beatsMs = readFileSync(path, "utf8").split("\n").slice(0, -1).map(milliseconds);
        const runs = runsOf(beatsMs);
        return runs.length === 0 ? [] : [{ container, epoch: Number(epoch), host, id, runs }];
      })
      .sort((a, b) => (a.runs[0]?.fromMs ?? 0) - (b.runs[0]?.fromMs ?? 0));
  }

  /** The copy that wrote last. */
  last(container: string): Copy | undefined {
    return this.copies(container)
      .sort((a, b) => endOf(a) - endOf(b))
      .at(-1);
  }

  /** Whether a copy on this host wrote within the last half second; on any host when none is named. */
  beats(container: string, host?: string): boolean {
    const since = Witness.nowMs() - FRESH_MS;
    return this.copies(container).some((copy) => endOf(copy) >= since && (host === undefined || copy.host === host));
  }

  /** Moments at which two copies of a container ran. */
  overlaps(container: string): Overlap[] {
    return overlapsOf(this.copies(container));
  }

  /** Times in which no copy of a container ran, between its first beat and its last. */
  gaps(container: string): Gap[] {
    return gapsBetween(this.copies(container));
  }

  /** Forgets every beat. What still runs goes on in the same files, as if it had just begun. */
  forget(): void {
    for (const path of this.#files()) truncateSync(path);
  }

  #files(): string[] {
    // FOLDER/CONTAINER ID/VOLUME/FILE, as the product lays out shared volumes.
    return readdirSync(this.#folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  }
}

const FRESH_MS = 500;

function endOf(copy: Copy): number {
  return copy.runs.at(-1)?.untilMs ?? 0;
}

function milliseconds(line: string): number {
  return Math.round(Number.parseFloat(line) * 1_000);
}
