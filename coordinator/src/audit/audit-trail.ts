import type { Clock } from "../runtime/clock.ts";
import type { RuntimeLog } from "../runtime/runtime-log.ts";
import type { AuditEntry, AuditLog, AuditOutcome } from "./audit-entry.ts";

/** Entries that wait to be written, at most; one more is refused. */
export const WAITING_MAX = 1_000;
/** Entries of one INSERT. */
export const BATCH_MAX = 100;
/** Entries that could not be written and are tried again, at most; then the oldest is given up, which the log says. */
export const OWED_MAX = 1_000;
/** How often they are tried again, milliseconds. */
export const OWED_RETRY_MS = 1_000;

/** The audit trail cannot be written: what was to be audited must not happen. */
export class AuditUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AuditUnavailable";
  }
}

type Line = AuditEntry | AuditOutcome;
type Waiting = {
  readonly line: Line;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: AuditUnavailable) => void;
};

/**
 * Writes the audit trail. One INSERT is under way at a time, and takes along everything that waits when it begins, so that many
 * calls at once share their commits.
 */
export class AuditTrail {
  readonly #audit: AuditLog;
  readonly #clock: Clock;
  readonly #log: RuntimeLog;
  readonly #waiting: Waiting[] = [];
  readonly #owed: Line[] = [];
  #writing: Promise<void> | null = null;
  #cancelRetry: (() => void) | null = null;
  #stopped = false;

  constructor(audit: AuditLog, clock: Clock, log: RuntimeLog) {
    this.#audit = audit;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves with the entry's number once it is committed. Rejects with AuditUnavailable. */
  write(line: Line): Promise<number> {
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(new AuditUnavailable(`${WAITING_MAX} entries wait to be written already`));
    }
    const written = new Promise<number>((resolve, reject) => this.#waiting.push({ line, resolve, reject }));
    this.#writing ??= this.#drain();
    return written;
  }

  /**
   * Writes what can no longer be refused, since it has happened. Resolves once it is committed, or kept in memory to be tried
   * again each second; never rejects.
   */
  async settle(line: Line): Promise<void> {
    try {
      await this.write(line);
    } catch (error) {
      this.#log.warn({ err: error }, "an entry of the audit trail could not be written; trying again");
      this.#owe(line);
    }
  }

  /** Tries once more to write what is owed, and takes no more retries. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    await this.#writing;
    await this.#payBack();
    if (this.#owed.length > 0) {
      this.#log.error({ entries: this.#owed.length }, "entries of the audit trail were never written");
    }
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      await this.#write(batch);
    }
    this.#writing = null;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const sequences = await this.#audit.append(batch.map(({ line }) => line));
      for (const [index, { resolve }] of batch.entries()) resolve(sequences[index] ?? 0);
    } catch (error) {
      if (batch.length > 1 && isOfTheData(error)) {
        // One that cannot be stored must not keep its neighbours out.
        for (const one of batch) await this.#write([one]);
        return;
      }
      const failure = new AuditUnavailable("the audit trail could not be written", { cause: error });
      for (const { reject } of batch) reject(failure);
    }
  }

  #owe(line: Line): void {
    this.#owed.push(line);
    if (this.#owed.length > OWED_MAX) {
      this.#owed.shift();
      this.#log.error(
        {},
        `more than ${OWED_MAX} entries of the audit trail wait to be tried again; the oldest was given up`,
      );
    }
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#cancelRetry !== null || this.#stopped) return;
    this.#cancelRetry = this.#clock.schedule(OWED_RETRY_MS, () => {
      this.#cancelRetry = null;
      void this.#payBack().finally(() => {
        if (this.#owed.length > 0) this.#retryLater();
      });
    });
  }

  async #payBack(): Promise<void> {
    while (this.#owed.length > 0) {
      const batch = this.#owed.slice(0, BATCH_MAX);
      const outcomes = await Promise.allSettled(batch.map((line) => this.write(line)));
      const written = new Set(batch.filter((_, index) => outcomes[index]?.status === "fulfilled"));
      // What came meanwhile stands behind these.
      const left = this.#owed.filter((line) => !written.has(line));
      this.#owed.splice(0, this.#owed.length, ...left);
      if (written.size < batch.length) return;
    }
  }
}

/** The server's own word that a statement's data is wrong. */
function isOfTheData(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^(22|23)/.test(code);
}
