/** A tape archive of single files, as the engine's archive calls take and give it: POSIX ustar, 512 bytes a block. */
const BLOCK_BYTES = 512;

export type TarEntry = {
  /** Without a leading slash. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
};

/** One file, and the folders that it is in, which are made where they are missing. Names of up to 100 bytes. */
export function tarOfFile(file: TarEntry, content: Uint8Array): Buffer {
  const parts = file.name.split("/");
  const folders = parts.slice(0, -1).map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
  const { uid, gid } = file;
  const padding = Buffer.alloc((BLOCK_BYTES - (content.byteLength % BLOCK_BYTES)) % BLOCK_BYTES);
  return Buffer.concat([
    ...folders.map((name) => header({ name, mode: 0o755, uid, gid }, 0, "5")),
    header(file, content.byteLength, "0"),
    content,
    padding,
    Buffer.alloc(2 * BLOCK_BYTES),
  ]);
}

function header({ name, mode, uid, gid }: TarEntry, sizeBytes: number, type: "0" | "5"): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(name) > 100) throw new Error(`"${name}" is too long for a tape archive`);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  block.write(name, 0, "utf8");
  block.write(octal(mode, 7), 100, "latin1");
  block.write(octal(uid, 7), 108, "latin1");
  block.write(octal(gid, 7), 116, "latin1");
  block.write(octal(sizeBytes, 11), 124, "latin1");
  block.write(octal(0, 11), 136, "latin1");
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** What an archive says of its first entry, and that one's content, if it is a file. */
export type FirstEntry = TarEntry & { readonly isFile: boolean; readonly content: Buffer };

/**
 * Reads the first entry of an archive and no further. Null when there is none. Throws when it is longer than `bytesMax`, or is no
 * archive.
 */
export async function firstTarEntry(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<FirstEntry | null> {
  const reader = new BlockReader(source);
  for (;;) {
    const block = await reader.take(BLOCK_BYTES);
    if (block === null || block.every((byte) => byte === 0)) return null;
    const sizeBytes = numberAt(block, 124, 12);
    const type = String.fromCharCode(block[156] ?? 0);
    // What stands before an entry and says more of it: its owner is in the entry's own header as well.
    const isAbout = type === "x" || type === "g" || type === "L" || type === "K";
    const isFile = type === "0" || type === "\0";
    if (isAbout || isFile) {
      if (sizeBytes > bytesMax) throw new TooLong(sizeBytes);
      const content = await reader.take(sizeBytes);
      await reader.take((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
      if (isAbout) continue;
      if (content === null) throw new Error("the engine's archive ends before its file does");
      return { ...entryOf(block), isFile, content };
    }
    return { ...entryOf(block), isFile, content: Buffer.alloc(0) };
  }
}

/** Thrown for an entry above the bound. */
export class TooLong extends Error {
  readonly sizeBytes: number;
  constructor(sizeBytes: number) {
    super(`${sizeBytes} bytes`);
    this.sizeBytes = sizeBytes;
  }
}

function entryOf(block: Buffer): TarEntry {
  const name = block.toString("utf8", 0, 100).replace(/\0.*$/s, "");
  return { name, mode: numberAt(block, 100, 8) & 0o7777, uid: numberAt(block, 108, 8), gid: numberAt(block, 116, 8) };
}

/** Octal digits, or, where those do not suffice, a number of base 256 whose first bit is set. */
function numberAt(block: Buffer, offset: number, lengthBytes: number): number {
  const field = block.subarray(offset, offset + lengthBytes);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    return field.subarray(1).reduce((value, byte) => value * 256 + byte, (field[0] ?? 0) & 0x7f);
  }
  const digits = field
    .toString("latin1")
    .replace(/[\0 ]+$/, "")
    .trim();
  const value = digits === "" ? 0 : Number.parseInt(digits, 8);
  if (!Number.isInteger(value)) throw new Error("the engine's archive is none");
  return value;
}

class BlockReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** So many bytes; null when the source ends before. */
  async take(lengthBytes: number): Promise<Buffer | null> {
    const parts = [this.#rest];
    let held = this.#rest.length;
    while (held < lengthBytes) {
      const next = await this.#source.next();
      if (next.done) return null;
      const chunk = Buffer.from(next.value);
      parts.push(chunk);
      held += chunk.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(lengthBytes);
    return all.subarray(0, lengthBytes);
  }
}
