/** Bytes that one line on the control socket may have, in either direction. */
export const lineBytesMax = 64 * 1024;

/** Cuts a byte stream into lines, each of at most 64 KiB; push() throws once a line is longer, finished or not. */
export class LineCutter {
  #rest = Buffer.alloc(0);

  /** The lines that this chunk completes, without their ends. */
  push(chunk: Buffer): string[] {
    const parts: string[] = [];
    let data = Buffer.concat([this.#rest, chunk]);
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
      this.#check(end);
      parts.push(data.toString("utf8", 0, end));
      data = data.subarray(end + 1);
    }
    this.#check(data.byteLength);
    this.#rest = data;
    return parts;
  }

  #check(bytes: number): void {
    if (bytes > lineBytesMax) throw new RangeError(`a line of more than ${lineBytesMax} bytes`);
  }
}
