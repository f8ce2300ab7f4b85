import { StringDecoder } from "node:string_decoder";
import { ConnectError } from "@connectrpc/connect";
import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import type { ApiClient } from "../client/api-client.ts";
import { apiFailure, errorDetailOf } from "../client/api-failure.ts";
import { plainText } from "../output/plain-text.ts";
import { type DetachKeys, DetachWatch } from "../terminal/detach-keys.ts";
import { LineFeeds } from "../terminal/line-feeds.ts";
import { ScreenModes } from "../terminal/screen-modes.ts";
import { patiently, pause, sendPatiently } from "./console-sending.ts";
import { INPUT_BYTES_MAX } from "./input-batches.ts";

/** What the API takes for rows and columns. */
const SIDE_MAX = 1_000;
/** Characters that wait to be sent before no more is read of what is typed. */
const TYPED_CHARS_MAX = 64 * 1024;
/** How long what was typed before the detach keys may take to be sent. */
const LAST_WORDS_MS = 2_000;

export type TerminalWish = { readonly tail: number; readonly keys: DetachKeys };

/**
 * Puts the terminal that this runs on in the place of the container's: every key goes there, Ctrl-C too, but for the detach keys;
 * what is shown there is shown here as it is; and the size of this window becomes its own. Ends with the keys, with the copy that
 * runs, or when it is interrupted; then the terminal is as it was.
 */
export async function attachTerminal(
  context: CliContext,
  api: ApiClient,
  { id, name }: Container,
  { tail, keys }: TerminalWish,
): Promise<void> {
  const interrupted = context.interrupted();
  const over = new AbortController();
  const signal = AbortSignal.any([interrupted, over.signal]);
  const stream = api.streams.containers.streamTerminal({ id }, { signal })[Symbol.asyncIterator]();
  // Nothing is shown before it is known that there is a terminal, and what is shown from then on is not missed.
  const first = await stream.next().catch((error: unknown) => {
    if (!interrupted.aborted) throw error;
    return { done: true };
  });
  if (first.done) return;
  context.warn(plainText(`attached to ${name}; ${keys.words} detaches, and it runs on`));
  if (tail > 0) await showTail(context, api, { id, tailLines: tail, follow: false }, signal);
  const modes = new ScreenModes();
  const feeds = new LineFeeds();
  const typing = new Typing(context, keys, (text) =>
    sendPatiently(context, api, { id, text, withoutLineEnd: true }, signal),
  );
  const stopSizing = keepSize(context, signal, (size) => api.containers.resizeTerminal({ id, ...size }, { signal }));
  const output = (async () => {
    for (let next = await stream.next(); !next.done; next = await stream.next()) {
      const { output: bytes, skippedBytes } = next.value;
      if (skippedBytes > 0n)
        context.write(`\r\n[${skippedBytes} bytes left out: they came faster than they were read]\r\n`);
      modes.note(bytes);
      context.write(feeds.through(bytes));
    }
    return "ended" as const;
  })();
  const stopped = new Promise<"interrupted">((resolve) =>
    interrupted.addEventListener("abort", () => resolve("interrupted"), { once: true }),
  );
  try {
    const how = await Promise.race([output, typing.detached, stopSizing.failed, stopped]);
    if (how === "detached") await Promise.race([typing.sent(), pause(context, LAST_WORDS_MS, signal)]);
    typing.end();
    context.write(`${modes.restoring()}\r\n`);
    context.warn(plainText(how === "ended" ? `the process of ${name} has ended` : `detached from ${name}; it runs on`));
  } catch (error) {
    typing.end();
    context.write(`${modes.restoring()}\r\n`);
    throw error;
  } finally {
    stopSizing.end();
    over.abort();
    output.catch(() => undefined);
  }
  context.leave();
}

/** The last lines that it has written, as text: what they did to the screen is over. */
async function showTail(
  context: CliContext,
  api: ApiClient,
  request: { readonly id: string; readonly tailLines: number; readonly follow: boolean },
  signal: AbortSignal,
): Promise<void> {
  for await (const { text } of api.streams.containers.streamLogs(request, { signal })) context.print(plainText(text));
}

/** Reads keys and sends them, one call after the other with all that was typed meanwhile. */
class Typing {
  readonly detached: Promise<"detached">;
  readonly #context: CliContext;
  readonly #watch: DetachWatch;
  readonly #send: (text: string) => Promise<void>;
  readonly #decoder = new StringDecoder("utf8");
  readonly #onKeys: (chunk: Uint8Array | string) => void;
  readonly #onEnd: () => void;
  #waiting = "";
  #sending: Promise<void> | null = null;

  constructor(context: CliContext, keys: DetachKeys, send: (text: string) => Promise<void>) {
    this.#context = context;
    this.#watch = new DetachWatch(keys);
    this.#send = send;
    const { promise, resolve, reject } = Promise.withResolvers<"detached">();
    this.detached = promise;
    promise.catch(() => undefined);
    const { stdin } = context;
    this.#onKeys = (chunk) => {
      const { text, detached } = this.#watch.take(
        typeof chunk === "string" ? chunk : this.#decoder.write(Buffer.from(chunk)),
      );
      // The one key that no terminal of a container takes: Ctrl-Space, which sends a byte 0.
      this.#waiting += text.replaceAll("\0", "");
      if (this.#waiting.length > TYPED_CHARS_MAX) stdin.pause();
      if (detached) resolve("detached");
      this.#pump(reject);
    };
    this.#onEnd = () => resolve("detached");
    stdin.setRawMode?.(true);
    stdin.on("data", this.#onKeys);
    stdin.once("end", this.#onEnd);
    stdin.resume();
  }

  /** Resolves once all that was typed has been sent. */
  async sent(): Promise<void> {
    await this.#sending?.catch(() => undefined);
  }

  /** Gives the terminal back. */
  end(): void {
    const { stdin } = this.#context;
    stdin.off("data", this.#onKeys);
    stdin.off("end", this.#onEnd);
    stdin.setRawMode?.(false);
    stdin.pause();
  }

  #pump(failed: (error: unknown) => void): void {
    if (this.#sending !== null || this.#waiting === "") return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = null;
    });
    this.#sending.catch(failed);
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting !== "") {
      const text = fitting(this.#waiting);
      this.#waiting = this.#waiting.slice(text.length);
      try {
        await this.#send(text);
      } catch (error) {
        // It passes, such as a process that reads nothing for a while: whoever types is told, and goes on.
        if (errorDetailOf(error)?.code !== "busy") throw error;
        const { message } = apiFailure(ConnectError.from(error), "the coordinator");
        this.#context.write(`\r\n[not sent: ${plainText(message)}]\r\n`);
      }
      if (this.#waiting.length <= TYPED_CHARS_MAX) this.#context.stdin.resume();
    }
  }
}

/** As many whole characters of it as one call carries. */
export function fitting(text: string): string {
  if (Buffer.byteLength(text) <= INPUT_BYTES_MAX) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > INPUT_BYTES_MAX) break;
    end += character.length;
  }
  return text.slice(0, end);
}

type Size = { readonly rows: number; readonly columns: number };

/**
 * Gives the container's terminal the size of this one, now and whenever it changes; of sizes that come too fast the last one. `failed`
 * rejects where it is refused for good.
 */
function keepSize(
  context: CliContext,
  signal: AbortSignal,
  give: (size: Size) => Promise<unknown>,
): { readonly failed: Promise<never>; readonly end: () => void } {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const size = (more: number): Size => {
    const side = (length: number | undefined) => Math.max(1, Math.min(SIDE_MAX, (length ?? 1) + more));
    return { rows: side(context.rows()), columns: side(context.columns()) };
  };
  let wanted = false;
  let giving = false;
  const giveLatest = async (): Promise<void> => {
    wanted = true;
    if (giving) return;
    giving = true;
    while (wanted && !signal.aborted) {
      wanted = false;
      await patiently(context, signal, () => give(size(0)));
    }
    giving = false;
  };
  const refused = (error: unknown): void => {
    giving = false;
    // Busy, or just ended: the next size, or the end of what is shown, comes in its time.
    if (["busy", "not_running", "not_placed"].includes(errorDetailOf(error)?.code ?? "")) return;
    reject(error);
  };
  const changed = (): void => void giveLatest().catch(refused);
  const end = context.onResize(changed);
  // A program draws anew what it shows when its size changes, and one that is attached to again has the right one already.
  patiently(context, signal, () => give(size(-1)))
    .catch(refused)
    .finally(changed);
  return { failed, end };
}
