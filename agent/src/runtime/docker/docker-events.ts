import type Docker from "dockerode";
import type { Logger } from "pino";
import type { Timers } from "../../clock/clock.ts";
import { LABELS } from "./docker-create-options.ts";

const RECONNECT_MS = 500;
/** One event is some hundred bytes; a longer line is not one. */
const LINE_CHARS_MAX = 1 << 20;

/**
 * Watches the engine for ends of this node's containers and calls `changed` with the container's id. When the engine was away,
 * `reconnected` is called, since ends may have been missed. Runs until the signal ends it.
 */
export async function watchDockerEvents(options: {
  readonly docker: Docker;
  readonly nodeId: string;
  readonly changed: (containerId: string) => void;
  readonly reconnected: () => void;
  readonly timers: Timers;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { docker, nodeId, signal, log } = options;
  const filters = { type: ["container"], label: [`${LABELS.node}=${nodeId}`], event: ["die", "oom", "destroy"] };
  while (!signal.aborted) {
    try {
      // The types leave out the abort signal, which the client hands to its request.
      const stream = (await docker.getEvents({ filters, abortSignal: signal } as object)) as NodeJS.ReadableStream;
      options.reconnected();
      stream.setEncoding("utf8");
      let rest = "";
      for await (const chunk of stream) {
        const lines = (rest + String(chunk)).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > LINE_CHARS_MAX) throw new Error("an event of the engine is too long");
        for (const line of lines) {
          const id = line.trim() === "" ? null : containerIdOf(line);
          if (id) options.changed(id);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        "no events from the engine, trying again",
      );
    }
    await options.timers.sleep(RECONNECT_MS, signal);
  }
}

function containerIdOf(line: string): string | null {
  const event = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } };
  return event.Actor?.Attributes?.[LABELS.container] ?? null;
}
