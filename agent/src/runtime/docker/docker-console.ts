import type Docker from "dockerode";
import type { Timers } from "../../clock/clock.ts";
import { InputFault, type LogRequest, type RuntimeLogLine, type TerminalSize } from "../container-runtime.ts";
import { TerminalBuffer, type TerminalPiece } from "../terminal-buffer.ts";
import { attachTo, writeDockerInput } from "./docker-attach.ts";
import { dockerFault } from "./docker-fault.ts";
import { dockerLogLines, dockerTerminalLines } from "./docker-log-stream.ts";

/** How long the engine may take for one call. */
const CALL_MS = 10_000;

export type DockerConsoleParts = {
  readonly timers: Timers;
  /** One call of the engine within a bound. */
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
};

/** What one container of an engine prints, and what is written to it. */
export class DockerConsole {
  readonly #container: Docker.Container;
  readonly #parts: DockerConsoleParts;

  constructor(container: Docker.Container, parts: DockerConsoleParts) {
    this.#container = container;
    this.#parts = parts;
  }

  /** Writes to this very copy: the engine's id names no other. */
  async input(data: Uint8Array): Promise<void> {
    const { OpenStdin, Tty } = await this.#config();
    if (!OpenStdin) {
      throw new InputFault("no_input", "this copy was started by an older agent, without an input");
    }
    // The engine takes it for the beginning of a sequence that detaches; see DETACH_KEYS.
    if (Tty && data.includes(0)) {
      throw new InputFault("refused", "a terminal is sent no byte 0 (Ctrl-Space, Ctrl-@): leave it out");
    }
    await writeDockerInput(this.#container, data, this.#parts.timers);
  }

  /** Gives its terminal a size. */
  async resize({ rows, columns }: TerminalSize): Promise<void> {
    await this.#requireTerminal();
    await this.#parts.call("the size of its terminal", CALL_MS, () => this.#container.resize({ h: rows, w: columns }));
  }

  /** What its terminal shows, after a first piece without bytes; until it ends or the signal is aborted. */
  async *terminal(signal: AbortSignal): AsyncGenerator<TerminalPiece> {
    await this.#requireTerminal();
    const stream = await attachTo(this.#container, { stdout: true, stderr: true }, this.#parts.timers);
    const buffer = new TerminalBuffer();
    const stop = () => buffer.end(null);
    signal.addEventListener("abort", stop, { once: true });
    stream.on("data", (chunk: Buffer) => buffer.push(chunk));
    stream.once("error", (error) => buffer.end(dockerFault(error, "its terminal")));
    for (const over of ["end", "close"]) stream.once(over, stop);
    try {
      yield { bytes: new Uint8Array(), skippedBytes: 0 };
      for await (const piece of buffer.pieces()) {
        if (signal.aborted) return;
        yield piece;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      stream.destroy();
    }
  }

  /** Its output as lines. */
  async *logs(request: LogRequest): AsyncGenerator<RuntimeLogLine> {
    const { call } = this.#parts;
    // A terminal's output is one stream, and comes without frames.
    const linesOf = (await this.#config()).Tty ? dockerTerminalLines : dockerLogLines;
    // A start makes a new container of the engine: all that one has written is the present copy's.
    const tail = request.sinceStart ? {} : { tail: request.tailLines };
    const wanted = { stdout: true, stderr: true, timestamps: true, ...tail };
    if (!request.follow) {
      const whole = await call("logs", CALL_MS, () => this.#container.logs({ ...wanted, follow: false }));
      yield* linesOf([whole]);
      return;
    }
    const stream = await call("logs", CALL_MS, () => this.#container.logs({ ...wanted, follow: true }));
    // dockerode gives node's IncomingMessage under a narrower type.
    const end = () => (stream as unknown as { destroy(): void }).destroy();
    request.signal.addEventListener("abort", end, { once: true });
    try {
      for await (const line of linesOf(stream as AsyncIterable<Uint8Array>)) {
        if (request.signal.aborted) return;
        yield line;
      }
    } catch (error) {
      if (!request.signal.aborted) throw dockerFault(error, `the log of container ${this.#container.id} ended`);
    } finally {
      request.signal.removeEventListener("abort", end);
      end();
    }
  }

  async #config(): Promise<Docker.ContainerInspectInfo["Config"]> {
    return (await this.#parts.call("container", CALL_MS, () => this.#container.inspect())).Config;
  }

  async #requireTerminal(): Promise<void> {
    if ((await this.#config()).Tty) return;
    throw new InputFault(
      "no_terminal",
      "this copy has no terminal: it was made without (tty), or an older agent has started it",
    );
  }
}
