import { StringDecoder } from "node:string_decoder";

/** Bytes that one input of a container may have. */
export const INPUT_BYTES_MAX = 4_000;

/**
 * What is typed or piped in, as texts that one call each can carry, in order and nothing left out: as many whole lines as fit and
 * are there already, with their line ends; a line that is longer is cut between characters. What follows the last line end comes at
 * the end.
 */
export async function* inputBatches(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of source) {
    rest += typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk));
    const end = rest.lastIndexOf("\n") + 1;
    yield* pieces(rest.slice(0, end));
    rest = rest.slice(end);
    while (Buffer.byteLength(rest) > INPUT_BYTES_MAX) {
      const [piece = ""] = pieces(rest);
      yield piece;
      rest = rest.slice(piece.length);
    }
  }
  yield* pieces(rest + decoder.end());
}

function* pieces(text: string): Generator<string> {
  let piece = "";
  let bytes = 0;
  for (const line of text.split(/(?<=\n)/)) {
    const whole = Buffer.byteLength(line);
    // A line that fits into no call by itself is cut between its characters.
    for (const part of whole > INPUT_BYTES_MAX ? line : [line]) {
      const size = part === line ? whole : Buffer.byteLength(part);
      if (bytes + size > INPUT_BYTES_MAX) {
        yield piece;
        piece = "";
        bytes = 0;
      }
      piece += part;
      bytes += size;
    }
  }
  if (piece !== "") yield piece;
}
