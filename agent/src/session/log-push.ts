import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type LogLine,
  LogLineSchema,
  type OpenLogs,
  PushLogsRequestSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { Logger } from "pino";
import type { ContainerRuntime, RuntimeLogLine } from "../runtime/container-runtime.ts";
import type { CoordinatorClient, PushLogsCall } from "./coordinator-client.ts";

/** Readings at once; above it a reading is answered with an error. */
export const READINGS_MAX = 32;
/** Lines and characters in one message. */
const BATCH_LINES_MAX = 500;
const BATCH_CHARS_MAX = 256 << 10;

/** Carries container output up, for whoever asked. A slow reader holds back the reading, not memory. */
export class LogPusher {
  readonly #runtime: ContainerRuntime;
  readonly #log: Logger;
  readonly #readings = new Map<string, AbortController>();

  constructor(runtime: ContainerRuntime, log: Logger) {
    this.#runtime = runtime;
    this.#log = log;
  }

  /** Starts a reading; one with a known id goes on as it is. */
  open(client: CoordinatorClient, request: OpenLogs): void {
    if (this.#readings.has(request.logId)) return;
    const ended = new AbortController();
    const call = client.pushLogs((error) => {
      if (error && !ended.signal.aborted)
        this.#log.debug({ logId: request.logId, error: error.message }, "log stream ended");
      ended.abort();
    });
    call.on("error", () => ended.abort());
    const full = this.#readings.size >= READINGS_MAX;
    this.#readings.set(request.logId, ended);
    const refusal = full ? `this node already sends ${READINGS_MAX} logs: close one first` : null;
    void this.#push(call, request, ended.signal, refusal).finally(() => this.#readings.delete(request.logId));
  }

  close(logId: string): void {
    this.#readings.get(logId)?.abort();
  }

  closeAll(): void {
    for (const reading of this.#readings.values()) reading.abort();
  }

  async #push(call: PushLogsCall, request: OpenLogs, signal: AbortSignal, refusal: string | null): Promise<void> {
    const { logId, containerId, tailLines, follow } = request;
    let error = refusal ?? "";
    await write(call, { logId, lines: [], error: "" }, signal);
    try {
      if (!refusal) {
        if (!(await this.#runtime.inspect(containerId))) throw new Error("the container is not on this node");
        const source = this.#runtime.logs(containerId, { tailLines, follow, signal });
        for await (const lines of batches(source)) {
          if (signal.aborted) break;
          await write(call, { logId, lines, error: "" }, signal);
        }
      }
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    }
    if (error !== "" && !signal.aborted) await write(call, { logId, lines: [], error: error.slice(0, 1_000) }, signal);
    call.end();
    if (signal.aborted) call.cancel();
  }
}

/** Lines that are there at once travel together; a line that comes alone travels at once. */
async function* batches(source: AsyncIterable<RuntimeLogLine>): AsyncGenerator<LogLine[]> {
  const lines = source[Symbol.asyncIterator]();
  let next = lines.next();
  try {
    for (;;) {
      const first = await next;
      if (first.done) return;
      const batch = [toWire(first.value)];
      let chars = first.value.text.length;
      let waiting = true;
      next = lines.next();
      while (waiting && batch.length < BATCH_LINES_MAX && chars < BATCH_CHARS_MAX) {
        const settled = await Promise.race([next, turnOfTheLoop()]);
        if (settled === null || settled.done) {
          waiting = false;
        } else {
          batch.push(toWire(settled.value));
          chars += settled.value.text.length;
          next = lines.next();
        }
      }
      yield batch;
    }
  } finally {
    // One line may be on its way; it comes or fails once the reading's signal has ended the source.
    next.catch(() => undefined);
    void lines.return?.(undefined)?.catch(() => undefined);
  }
}

/** Settles after the promises that are ready by now. */
async function turnOfTheLoop(): Promise<null> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
  return null;
}

function toWire(line: RuntimeLogLine): LogLine {
  return create(LogLineSchema, {
    ...(line.at === null ? {} : { at: timestampFromDate(line.at) }),
    stream: line.stream,
    text: line.text,
  });
}

function write(
  call: PushLogsCall,
  message: { logId: string; lines: LogLine[]; error: string },
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted || call.write(create(PushLogsRequestSchema, message))) return Promise.resolve();
  return new Promise((resolve) => {
    call.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
