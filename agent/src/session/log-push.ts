import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type LogLine,
  LogLineSchema,
  type OpenLogs,
  PushLogsRequestSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { FairShare } from "@lormas/wire/fair-share.ts";
import type { Logger } from "pino";
import { type ContainerRuntime, InputFault, type RuntimeLogLine } from "../runtime/container-runtime.ts";
import type { CoordinatorClient, PushLogsCall } from "./coordinator-client.ts";

/** Readings at once; above it a reading is answered with an error. Whose container is not read may always have some of them. */
export const READINGS = { sure: 2, perHolderMax: 32, inAllMax: 64 } as const;
/** Lines and characters in one message. */
const BATCH_LINES_MAX = 500;
const BATCH_CHARS_MAX = 256 << 10;

/** Carries container output up, for whoever asked. A slow reader holds back the reading, not memory. */
export class LogPusher {
  readonly #runtime: ContainerRuntime;
  readonly #log: Logger;
  readonly #readings = new Map<string, AbortController>();
  readonly #shares = new FairShare(READINGS);

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
    const { containerId, logId } = request;
    const full = this.#shares.take(containerId);
    this.#readings.set(logId, ended);
    const whose = full?.full === "holder" ? "of this container" : "of this node's containers";
    const refusal = full && `${full.taken} logs and terminals ${whose} are read already: close one first`;
    void this.#push(call, request, ended.signal, refusal).finally(() => {
      this.#readings.delete(logId);
      if (full === null) this.#shares.giveBack(containerId);
    });
  }

  close(logId: string): void {
    this.#readings.get(logId)?.abort();
  }

  closeAll(): void {
    for (const reading of this.#readings.values()) reading.abort();
  }

  async #push(call: PushLogsCall, request: OpenLogs, signal: AbortSignal, refusal: string | null): Promise<void> {
    const { logId } = request;
    let error = refusal ?? "";
    let errorCode = "";
    await write(call, { logId }, signal);
    try {
      if (!refusal) {
        const messages = request.terminal ? this.#terminal(request, signal) : this.#lines(request, signal);
        for await (const message of messages) {
          if (signal.aborted) break;
          await write(call, { logId, ...message }, signal);
        }
      }
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
      if (cause instanceof InputFault) errorCode = cause.code;
    }
    if (error !== "" && !signal.aborted) await write(call, { logId, error: error.slice(0, 1_000), errorCode }, signal);
    call.end();
    if (signal.aborted) call.cancel();
  }

  async *#lines({ containerId, tailLines, follow }: OpenLogs, signal: AbortSignal): AsyncGenerator<Pushed> {
    if (!(await this.#runtime.inspect(containerId))) throw new Error("the container is not on this node");
    for await (const lines of batches(this.#runtime.logs(containerId, { tailLines, follow, signal }))) yield { lines };
  }

  async *#terminal({ containerId }: OpenLogs, signal: AbortSignal): AsyncGenerator<Pushed> {
    for await (const { bytes, skippedBytes } of this.#runtime.terminal(containerId, signal)) {
      yield { terminal: { output: Uint8Array.from(bytes), skippedBytes: BigInt(skippedBytes) } };
    }
  }
}

type Pushed = MessageInitShape<typeof PushLogsRequestSchema>;

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

function write(call: PushLogsCall, message: Pushed, signal: AbortSignal): Promise<void> {
  if (signal.aborted || call.write(create(PushLogsRequestSchema, message))) return Promise.resolve();
  return new Promise((resolve) => {
    call.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
