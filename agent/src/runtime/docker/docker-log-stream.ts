import { StringDecoder } from "node:string_decoder";
import { LOG_LINE_CHARS_MAX, type RuntimeLogLine } from "../container-runtime.ts";

/** The engine's frame: one byte of stream, three of nothing, four of length. */
const HEADER_BYTES = 8;
/** A frame above this is not one; the engine's own are at most 16 KiB and a time. */
const FRAME_BYTES_MAX = 1 << 20;

/**
 * Takes the engine's output apart into lines, in the order of the frames. Every line comes with the engine's time in front.
 * Reads no faster than the reader takes.
 */
export async function* dockerLogLines(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<RuntimeLogLine> {
  const splitters = { stdout: new LineSplitter("stdout"), stderr: new LineSplitter("stderr") };
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    while (rest.length >= HEADER_BYTES) {
      const lengthBytes = rest.readUInt32BE(4);
      if (lengthBytes > FRAME_BYTES_MAX)
        throw new Error("the engine's log is not in frames: was the container made with a terminal?");
      if (rest.length < HEADER_BYTES + lengthBytes) break;
      const splitter = rest[0] === 2 ? splitters.stderr : splitters.stdout;
      const payload = rest.subarray(HEADER_BYTES, HEADER_BYTES + lengthBytes);
      rest = rest.subarray(HEADER_BYTES + lengthBytes);
      yield* splitter.add(payload);
    }
  }
  yield* splitters.stdout.end();
  yield* splitters.stderr.end();
}

/** The same for a container with a terminal, whose output the engine gives as it is: one stream, without frames. */
export async function* dockerTerminalLines(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<RuntimeLogLine> {
  const splitter = new LineSplitter("stdout");
  for await (const chunk of source) yield* splitter.add(Buffer.from(chunk));
  yield* splitter.end();
}

class LineSplitter {
  readonly #stream: RuntimeLogLine["stream"];
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  constructor(stream: RuntimeLogLine["stream"]) {
    this.#stream = stream;
  }

  *add(bytes: Buffer): Generator<RuntimeLogLine> {
    const lines = (this.#rest + this.#decoder.write(bytes)).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) yield this.#line(line);
    // A line longer than what is kept is cut; the text behind it is dropped up to its end.
    if (this.#rest.length > 2 * LOG_LINE_CHARS_MAX) this.#rest = this.#rest.slice(0, 2 * LOG_LINE_CHARS_MAX);
  }

  *end(): Generator<RuntimeLogLine> {
    if (this.#rest !== "") yield this.#line(this.#rest);
  }

  #line(line: string): RuntimeLogLine {
    const space = line.indexOf(" ");
    const at = new Date(line.slice(0, Math.max(0, space)));
    const timed = space > 0 && !Number.isNaN(at.getTime());
    const text = timed ? line.slice(space + 1) : line;
    return {
      at: timed ? at : new Date(0),
      stream: this.#stream,
      text: text.replace(/\r$/, "").slice(0, LOG_LINE_CHARS_MAX),
    };
  }
}
