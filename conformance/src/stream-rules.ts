import type { CommandsRequest, HeartbeatRequest, PushLogsRequest } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";

/** Bytes of text for people, and of one log line, as the proto bounds them. */
const DETAIL_BYTES_MAX = 1_024;
const ERROR_BYTES_MAX = 2_048;
const LINE_BYTES_MAX = 16 << 10;
/** Streams that may stand at once; those that have ended are forgotten. */
export const STREAMS_MAX = 100;

const TOO_MANY = `more than ${STREAMS_MAX} streams stand at once`;

type Stream = { first: string; inventory: boolean };

/**
 * What holds for each stream whatever happens: what comes first, what rises, what is bounded. Answers the rule that a message breaks,
 * null when it breaks none.
 */
export class StreamRules {
  readonly #streams = new Map<number, Stream>();
  readonly #sequences = new Map<string, bigint>();
  readonly #reports = new Map<string, bigint>();
  /** The incarnation of each stream. */
  readonly #incarnations = new Map<number, string>();

  heartbeat(stream: number, message: HeartbeatRequest["message"]): string | null {
    const begun = this.#streams.has(stream);
    if (!begun && !this.#begin(stream, message.case)) return TOO_MANY;
    if (message.case === "hello") {
      if (begun) return "a Hello came that was not the first message of its stream";
      this.#incarnations.set(stream, message.value.incarnation);
      return null;
    }
    if (message.case !== "heartbeat") return null;
    if (!begun) return "the first message of a heartbeat stream was no Hello";
    return rises(
      this.#sequences,
      this.#incarnations.get(stream) ?? "",
      message.value.sequence,
      "a heartbeat's sequence",
    );
  }

  commands(stream: number, message: CommandsRequest["message"]): string | null {
    const known = this.#streams.get(stream) ?? this.#begin(stream, message.case);
    if (known === null) return TOO_MANY;
    if (known.first !== "attach") return `the first message of a command stream was ${known.first}, not an Attach`;
    switch (message.case) {
      case "attach":
        this.#incarnations.set(stream, message.value.incarnation);
        return null;
      case "inventory":
        known.inventory = true;
        return null;
      case "report": {
        if (!known.inventory) return "a report came before the inventory of its stream";
        const { sequence, status } = message.value;
        if (Buffer.byteLength(status?.detail ?? "") > DETAIL_BYTES_MAX)
          return "a status had a detail of more than 1 KiB";
        return rises(this.#reports, this.#incarnations.get(stream) ?? "", sequence, "a report's sequence");
      }
      case "result":
        if (Buffer.byteLength(message.value.errorMessage) > ERROR_BYTES_MAX) return "an error message was above 2 KiB";
        return message.value.ok === (message.value.errorCode === "") ? null : "a result was ok and had an error code";
      default:
        return null;
    }
  }

  logs(message: PushLogsRequest): string | null {
    const long = message.lines.some(({ text }) => Buffer.byteLength(text) > LINE_BYTES_MAX);
    return long ? "a log line had more than 16 KiB" : null;
  }

  closed(stream: number): void {
    this.#streams.delete(stream);
    this.#incarnations.delete(stream);
  }

  /** Null when too many stand already. */
  #begin(stream: number, first = "nothing"): Stream | null {
    if (this.#streams.size >= STREAMS_MAX) return null;
    const begun = { first, inventory: false };
    this.#streams.set(stream, begun);
    return begun;
  }
}

function rises(seen: Map<string, bigint>, incarnation: string, sequence: bigint, what: string): string | null {
  const before = seen.get(incarnation) ?? 0n;
  if (sequence <= before) return `${what} did not rise: ${sequence} after ${before}`;
  seen.set(incarnation, sequence);
  return null;
}
