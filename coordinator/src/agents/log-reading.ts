import type { PushLogsRequest } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

/** The stream that carries a reading's lines. */
export interface LogSource {
  pause(): void;
  resume(): void;
  /** Answers the agent that nobody reads any more. */
  stop(): void;
}

/**
 * One reading of a container's output, between the agent's stream and whoever reads. Holds at most `batchesMax` batches;
 * beyond that the stream is not read, so that a slow reader slows the agent down and costs no memory here. What a message of the
 * agent brings for it is for `batchOf` to say; null: nothing.
 */
export class LogReading<Batch = unknown> {
  readonly logId: string;
  readonly #batchesMax: number;
  readonly #batchOf: (message: PushLogsRequest) => Batch | null;
  readonly #batches: Batch[] = [];
  #source: LogSource | null = null;
  #end: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;

  constructor(logId: string, batchesMax: number, batchOf: (message: PushLogsRequest) => Batch | null) {
    this.logId = logId;
    this.#batchesMax = batchesMax;
    this.#batchOf = batchOf;
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

  push(message: PushLogsRequest): void {
    const batch = this.#end === null ? this.#batchOf(message) : null;
    if (batch === null) return;
    this.#batches.push(batch);
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
  async next(): Promise<Batch | null> {
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
