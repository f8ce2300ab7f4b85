/** gRPC's frame before every message: not compressed, and its length. */
const HEAD_BYTES = 5;

/** A message as gRPC sends it within an HTTP/2 stream. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Cuts what arrives into messages, however it was split on its way. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that this chunk completes. Throws where one is compressed, which nobody here asked for. */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (rest.length >= HEAD_BYTES) {
      if (rest[0] !== 0) throw new Error("a compressed message, though none was asked for");
      const end = HEAD_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) break;
      messages.push(rest.subarray(HEAD_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return messages;
  }
}
