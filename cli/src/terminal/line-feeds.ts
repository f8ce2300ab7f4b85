const LF = 0x0a;
const CR = 0x0d;
/** IND: one line down in the same column, as a terminal reads a line feed alone. */
const INDEX = Buffer.from("\u001bD");

/**
 * What one terminal shows, for another one that begins a new line at each line feed: the raw mode of Node.js leaves it so, and programs
 * that draw on the whole window move down by line feeds alone.
 */
export class LineFeeds {
  #afterReturn = false;

  /** The bytes that show the same there. */
  through(bytes: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    let begun = 0;
    for (const [at, byte] of bytes.entries()) {
      if (byte === LF && !this.#afterReturn) {
        parts.push(bytes.subarray(begun, at), INDEX);
        begun = at + 1;
      }
      this.#afterReturn = byte === CR;
    }
    return begun === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(begun)]);
  }
}
