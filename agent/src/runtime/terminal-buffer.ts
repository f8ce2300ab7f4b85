/** What is kept of a terminal's output for one reader; of more, the oldest goes. */
export const TERMINAL_BUFFER_BYTES_MAX = 256 << 10;
/** The largest piece that is given out. */
export const TERMINAL_PIECE_BYTES_MAX = 64 << 10;

/** What a terminal showed, and how much before it is left out. The first piece of a reading has no bytes: the reading has begun. */
export type TerminalPiece = { readonly bytes: Uint8Array; readonly skippedBytes: number };

/**
 * Between a terminal and one reader: takes output as fast as it comes, since an engine holds a process up whose output is not read,
 * and gives it out as fast as the reader wants it.
 */
export class TerminalBuffer {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #skipped = 0;
  #end: { readonly error: Error | null } | null = null;
  #wake: () => void = () => undefined;

  push(chunk: Uint8Array): void {
    if (this.#end !== null || chunk.length === 0) return;
    this.#chunks.push(Buffer.from(chunk));
    this.#bytes += chunk.length;
    let over = this.#bytes - TERMINAL_BUFFER_BYTES_MAX;
    while (over > 0) {
      const oldest = this.#chunks[0] ?? Buffer.alloc(0);
      const dropped = Math.min(over, oldest.length);
      if (dropped === oldest.length) this.#chunks.shift();
      else this.#chunks[0] = oldest.subarray(dropped);
      this.#bytes -= dropped;
      this.#skipped += dropped;
      over -= dropped;
    }
    this.#wake();
  }

  /** No more comes: what is kept is still given out, then the error is thrown (null: it just ends). */
  end(error: Error | null): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** What comes, in order, until it is ended. One reader. */
  async *pieces(): AsyncGenerator<TerminalPiece> {
    for (;;) {
      if (this.#bytes > 0) {
        yield this.#piece();
        continue;
      }
      if (this.#end?.error) throw this.#end.error;
      if (this.#end !== null) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #piece(): TerminalPiece {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const bytes = (all ?? Buffer.alloc(0)).subarray(0, TERMINAL_PIECE_BYTES_MAX);
    const rest = (all ?? Buffer.alloc(0)).subarray(bytes.length);
    this.#chunks.length = 0;
    if (rest.length > 0) this.#chunks.push(rest);
    this.#bytes = rest.length;
    const skippedBytes = this.#skipped;
    this.#skipped = 0;
    return { bytes, skippedBytes };
  }
}
