import { type ApiError, toApiError } from "../api/api-error.ts";
import { containerClient } from "../api/clients.ts";
import { plainText } from "../format/plain-text.ts";
import { toMs } from "../format/time.ts";
import { backoffMs, watchBackoff } from "./backoff.ts";
import { after, random, sleep } from "./clock.svelte.ts";
import { appendLines, type LogLine, logLineCharactersMax, logLinesMax } from "./log-buffer.ts";
import { whileLookedAt } from "./while-looked-at.ts";

/** Lines asked for first. */
const tailLines = 200;
/** Without a line for so long the container counts as silent: a stream that stands tells nothing until the first line. */
const silentAfterMs = 1_500;
/** Lines are drawn together, at most this long after the first of them. */
const batchMs = 100;

/**
 * Follows one container's output. A node that does not answer is asked again with back-off, beginning with the last
 * lines anew; a refusal is final until `start` is called again. Holds at most twice `logLinesMax` lines.
 */
export class LogTail {
  #lines = $state.raw<readonly LogLine[]>([]);
  #phase = $state<"idle" | "opening" | "open" | "ended">("idle");
  #error = $state.raw<ApiError | null>(null);
  #count = 0;

  get lines(): readonly LogLine[] {
    return this.#lines;
  }
  get phase() {
    return this.#phase;
  }
  /** Why nothing comes; null while lines may come. */
  get error(): ApiError | null {
    return this.#error;
  }

  /** Begins anew with the last lines of the container; the answer ends it. */
  start(containerId: string): () => void {
    return whileLookedAt((signal) => void this.#run(containerId, signal));
  }

  async #run(containerId: string, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      this.#phase = "opening";
      try {
        await this.#follow(containerId, signal);
        if (signal.aborted) return;
        this.#error = null;
        this.#phase = "ended";
        return;
      } catch (cause) {
        if (signal.aborted) return;
        this.#error = toApiError(cause);
        this.#phase = "ended";
        if (!this.#error.retryable && this.#error.code !== "unavailable") return;
      }
      await sleep(1_000 + backoffMs(attempt, random(), watchBackoff), signal);
    }
  }

  async #follow(containerId: string, signal: AbortSignal): Promise<void> {
    let batch: LogLine[] = [];
    let fresh = true;
    let cancel: (() => void) | undefined;
    const cancelSilence = after(silentAfterMs, () => {
      this.#phase = "open";
      this.#error = null;
    });
    const flush = () => {
      cancel?.();
      cancel = undefined;
      this.#lines = fresh ? batch : appendLines(this.#lines, batch);
      fresh = false;
      batch = [];
    };
    try {
      for await (const { at, stream, text } of containerClient.streamLogs(
        { id: containerId, tailLines, follow: true },
        { signal },
      )) {
        cancelSilence();
        this.#phase = "open";
        this.#error = null;
        const cut = text.length > logLineCharactersMax ? `${text.slice(0, logLineCharactersMax)} […]` : text;
        this.#count += 1;
        batch.push({ number: this.#count, atMs: toMs(at), stream, text: plainText(cut) });
        if (batch.length >= logLinesMax) flush();
        else cancel ??= after(batchMs, flush);
      }
    } finally {
      cancelSilence();
      cancel?.();
      if (!signal.aborted && batch.length > 0) flush();
    }
  }
}
