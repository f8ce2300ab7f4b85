import { createHash } from "node:crypto";

/** Bytes of every key: AES-256. */
export const KEY_BYTES = 32;

/** A key that opens the keys of containers. It lives outside of the database. */
export class MasterKey {
  /** Tells keys apart and gives nothing of them away: 16 hexadecimal digits of a digest. */
  readonly id: string;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    if (bytes.length !== KEY_BYTES) throw new Error(`a master key has ${KEY_BYTES} bytes, this one ${bytes.length}`);
    this.#bytes = bytes;
    this.id = createHash("sha256").update("lormas master key\n").update(bytes).digest("hex").slice(0, 16);
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** As a file or a setting has it. */
  get text(): string {
    return this.#bytes.toString("base64");
  }
}

/** The keys that a text has, one beside the other, as they are written. */
export function writtenKeys(text: string): string[] {
  return text.split(/[\s,]+/).filter((one) => one !== "");
}

/** The key that a text stands for, 64 hexadecimal digits or 32 bytes in base64 (`openssl rand -base64 32`); null for any other text. */
export function parseMasterKey(text: string): MasterKey | null {
  const written = text.trim();
  if (/^[0-9a-f]{64}$/i.test(written)) return new MasterKey(Buffer.from(written, "hex"));
  if (!/^[A-Za-z0-9+/]{43}=$/.test(written)) return null;
  return new MasterKey(Buffer.from(written, "base64"));
}
