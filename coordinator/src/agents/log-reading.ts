import type { AgentLogLine } from "../runtime/agent-link.ts";

/** The stream that carries a reading's lines. */
export interface LogSource {
  pause(): void;
  resume(): void;
  /** Answers the agent that nobody reads any more. */
  stop(): void;
}

/**
 * One reading of a container's output, between the agent's stream and whoever reads. Holds at most `batchesMax` batches;
 * beyond that the stream is not read, so that a slow reader slows the agent down and costs no memory here.
 */
export class LogReading {
  readonly logId: string;
  readonly #batchesMax: number;
  readonly #batches: (readonly AgentLogLine[])[] = [];
  #source: LogSource | null = null;
  #end: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;

  constructor(logId: string, batchesMax: number) {
    this.logId = logId;
    this.#batchesMax = batchesMax;
  }

  /** True once the agent has opened its stream. */
  get opened(): boolean {
    return this.#source !== null;
  }

  get over(): boolean {
    return this.#end !== null;
  }

  get batches(): number {
    return this.#batches.length;
  }

  open(source: LogSource): void {
    this.#source = source;
  }

  push(lines: readonly AgentLogLine[]): void {
    if (this.#end !== null || lines.length === 0) return;
    this.#batches.push(lines);
    if (this.#batches.length >= this.#batchesMax) this.#source?.pause();
    this.#wakeUp();
  }

  /** Ends the reading: what is held is still given out, then the error is thrown (null: it just ends). */
  finish(error: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    this.#wakeUp();
  }

  /** Nobody reads any more: what is held is dropped and the agent is told. */
  stop(): void {
    this.#batches.length = 0;
    this.finish(null);
    this.#source?.stop();
  }

  /** The next batch; null at the end. One caller at a time. */
  async next(): Promise<readonly AgentLogLine[] | null> {
    for (;;) {
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        if (this.#batches.length < this.#batchesMax) this.#source?.resume();
        return batch;
      }
      if (this.#end?.error) throw this.#end.error;
      if (this.#end !== null) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
