import { crc32 } from "node:zlib";
import { DiskJournalFile, type JournalFile } from "./journal-file.ts";
import { applyRecord, compactRecords, EMPTY_JOURNAL, type JournalRecord, type JournalState } from "./journal-state.ts";

/** Records that may wait for the disk at once; above it `append` rejects, so that a dead disk cannot fill memory. */
export const PENDING_RECORDS_MAX = 4_096;

/** The journal cannot be used; the message names the file, the reason and the next step. */
export class JournalFault extends Error {
  override readonly name = "JournalFault";
}

/**
 * What this node has promised and done, kept across crashes and power cuts: one checksummed JSON record a line, appended and
 * fsynced. It is compacted when opened; a torn last line (a crash while writing) is dropped, any other damage is refused.
 */
export class Journal {
  readonly #file: JournalFile;
  readonly #path: string;
  #state: JournalState;
  #pending: { record: JournalRecord; done: () => void; failed: (error: Error) => void }[] = [];
  #writing: Promise<void> | null = null;
  #fault: JournalFault | null = null;
  readonly #broken = Promise.withResolvers<JournalFault>();

  private constructor(file: JournalFile, state: JournalState) {
    this.#path = file.path;
    this.#file = file;
    this.#state = state;
  }

  /** Opens the journal in a data folder, or starts an empty one. Throws JournalFault when it is damaged. */
  static open(dataDir: string): Promise<Journal> {
    return Journal.over(new DiskJournalFile(dataDir));
  }

  /** Opens the journal that a file holds. */
  static async over(file: JournalFile): Promise<Journal> {
    const state = readJournal(file.path, await file.read());
    await file.replace(compactRecords(state).map(encodeLine).join(""));
    return new Journal(file, state);
  }

  /** What is on disk, and nothing that is not. */
  get state(): JournalState {
    return this.#state;
  }

  /**
   * Resolves once the record is on disk and part of `state`; records of one moment share one fsync. Rejects with JournalFault
   * when the disk fails or does not keep up; after a failed write nothing is accepted any more.
   */
  append(record: JournalRecord): Promise<void> {
    if (this.#fault) return Promise.reject(this.#fault);
    if (this.#pending.length >= PENDING_RECORDS_MAX) {
      return Promise.reject(
        new JournalFault(`${PENDING_RECORDS_MAX} records wait for ${this.#path}: the disk does not keep up; check it`),
      );
    }
    return new Promise((done, failed) => {
      this.#pending.push({ record, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  /**
   * Resolves when the disk has failed. From then on this node can promise nothing: it must not go on as one that holds a
   * lease, or what is to be started, stopped or moved here hangs for good.
   */
  get broken(): Promise<JournalFault> {
    return this.#broken.promise;
  }

  /** Waits for what was appended and closes the file. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    this.#fault ??= new JournalFault(`${this.#path} is closed`);
    await this.#file.close();
  }

  async #drain(): Promise<void> {
    // One turn of the event loop, so that records appended together go to disk together.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await this.#file.append(batch.map(({ record }) => encodeLine(record)).join(""));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#fault = new JournalFault(
          `${this.#path} cannot be written: ${reason}; make room or replace the disk, then restart`,
        );
        this.#broken.resolve(this.#fault);
        for (const { failed } of [...batch, ...this.#pending]) failed(this.#fault);
        this.#pending = [];
        break;
      }
      for (const { record } of batch) this.#state = applyRecord(this.#state, record);
      for (const { done } of batch) done();
    }
    this.#writing = null;
  }
}

/** One record as a line: CRC-32 of the JSON in hex, a space, the JSON. */
export function encodeLine(record: JournalRecord): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

/** Replays a journal's text. A last line that is torn is left out; a damaged line before it throws JournalFault. */
export function readJournal(path: string, text: string): JournalState {
  const lines = text.split("\n");
  const last = lines.pop();
  let state = EMPTY_JOURNAL;
  lines.forEach((line, index) => {
    const record = decodeLine(line);
    if (record) {
      state = applyRecord(state, record);
      return;
    }
    const torn = index === lines.length - 1 && last === "";
    if (!torn) {
      throw new JournalFault(
        `${path} is damaged at line ${index + 1}: what this node promised is not known any more. Remove the node from the ` +
          "fleet and enrol it anew with an empty folder; its volumes can be kept",
      );
    }
  });
  return state;
}

function decodeLine(line: string): JournalRecord | null {
  const json = line.slice(9);
  if (line[8] !== " " || checksum(json) !== line.slice(0, 8)) return null;
  // The checksum shows that this process's own encodeLine wrote it.
  return JSON.parse(json) as JournalRecord;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}
