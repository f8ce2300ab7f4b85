import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder, writeDurably } from "./durable-file.ts";

/** Where a journal keeps its lines. */
export type JournalFile = {
  /** Its name, for people. */
  readonly path: string;
  /** The whole text; empty when there is none yet. */
  read(): Promise<string>;
  /** Replaces the whole text as one step: durable once resolved, the old one whole before. */
  replace(text: string): Promise<void>;
  /** Adds text: durable once resolved. After a failure, or a crash before, any part of it may be there. */
  append(text: string): Promise<void>;
  close(): Promise<void>;
};

/** The journal of a data folder on disk, mode 0600. */
export class DiskJournalFile implements JournalFile {
  readonly path: string;
  readonly #dataDir: string;
  #file: FileHandle | null = null;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.path = join(dataDir, "journal.log");
  }

  async read(): Promise<string> {
    await mkdir(this.#dataDir, { recursive: true, mode: 0o700 });
    try {
      return await readFile(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw error;
    }
  }

  async replace(text: string): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    await writeDurably(this.path, text);
    this.#file = await open(this.path, "a", 0o600);
    await syncFolder(this.#dataDir);
  }

  async append(text: string): Promise<void> {
    this.#file ??= await open(this.path, "a", 0o600);
    await this.#file.appendFile(text);
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}
