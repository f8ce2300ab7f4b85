import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { CliFailure } from "../cli-failure.ts";
import type { Clock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";

/** How long a question waits for its answer. */
export const ANSWER_MS_MAX = 5 * 60_000;
/** Characters of one answer; what is typed beyond is not taken. */
export const ANSWER_LENGTH_MAX = 1_024;
/** Bytes that are read of a secret that is piped in. */
export const PIPED_BYTES_MAX = 64 * 1024;

/** A terminal's input: a stream that can give single keys. */
export type KeyInput = Readable & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
};

/** Asks somebody on the terminal. Questions go to stderr, so that stdout can be a pipe. */
export class Asker {
  readonly #input: KeyInput;
  readonly #output: Writable;
  readonly #clock: Clock;

  constructor(input: KeyInput, output: Writable, clock: Clock) {
    this.#input = input;
    this.#output = output;
    this.#clock = clock;
  }

  /**
   * One line, typed at a terminal; with `hidden`, nothing of it is shown. A CliFailure when there is no terminal (with
   * `otherwise` as the next step), when Ctrl-C or Ctrl-D ends it, or when nobody answers within 5 minutes.
   */
  async line(question: string, hidden: boolean, otherwise: string): Promise<string> {
    const input = this.#input;
    if (input.isTTY !== true || input.setRawMode === undefined) {
      throw new CliFailure(exitCode.usage, `${question} cannot be asked: stdin is not a terminal`, otherwise);
    }
    // Before the question: whoever answers at once must not be shown either.
    input.setRawMode(true);
    this.#output.write(`${question}: `);
    input.resume();
    input.ref?.();
    try {
      return await this.#keys(question, hidden);
    } finally {
      input.setRawMode(false);
      input.pause();
      // A paused terminal would still keep the process alive.
      input.unref?.();
      this.#output.write("\n");
    }
  }

  /** Everything that is piped in, without its last line end. A CliFailure when it is a terminal, or more than 64 KiB. */
  async piped(what: string): Promise<string> {
    if (this.#input.isTTY === true) {
      throw new CliFailure(
        exitCode.usage,
        `${what} is read from stdin, and stdin is a terminal`,
        "pipe it in, such as: … --token-stdin < token.txt",
      );
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.#input) {
      const part = Buffer.from(chunk as Uint8Array);
      bytes += part.length;
      if (bytes > PIPED_BYTES_MAX) {
        throw new CliFailure(
          exitCode.usage,
          `${what} on stdin is larger than ${PIPED_BYTES_MAX} bytes`,
          "pipe in less",
        );
      }
      chunks.push(part);
    }
    return Buffer.concat(chunks)
      .toString("utf8")
      .replace(/\r?\n$/, "");
  }

  #keys(question: string, hidden: boolean): Promise<string> {
    const input = this.#input;
    const decoder = new StringDecoder("utf8");
    let typed: string[] = [];
    return new Promise((resolve, reject) => {
      const over = (done: () => void): void => {
        cancel();
        input.off("data", onData);
        input.off("end", onEnd);
        done();
      };
      const failed = (message: string) =>
        over(() => reject(new CliFailure(exitCode.failed, `${question}: ${message}`, "")));
      const cancel = this.#clock.after(ANSWER_MS_MAX, () =>
        over(() =>
          reject(new CliFailure(exitCode.timedOut, `nobody answered within ${ANSWER_MS_MAX / 60_000} minutes`, "")),
        ),
      );
      const onEnd = (): void => failed("the terminal was closed");
      const onData = (chunk: Buffer): void => {
        // Arrow keys and the like come as sequences, which are nobody's password.
        const text = decoder.write(chunk).replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|O.)/gu, "");
        for (const key of text) {
          if (key === "\r" || key === "\n") return over(() => resolve(typed.join("")));
          if (key === "\u0003") return failed("interrupted");
          if (key === "\u0004") {
            if (typed.length === 0) return failed("nothing was entered");
          } else if (key === "\u007f" || key === "\b") {
            if (typed.pop() !== undefined && !hidden) this.#output.write("\b \b");
          } else if (key === "\u0015") {
            if (!hidden) this.#output.write("\b \b".repeat(typed.length));
            typed = [];
          } else if (key >= " " && typed.length < ANSWER_LENGTH_MAX) {
            typed.push(key);
            if (!hidden) this.#output.write(key);
          }
        }
      };
      input.on("data", onData);
      input.once("end", onEnd);
    });
  }
}
