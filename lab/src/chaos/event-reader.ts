import { setTimeout as delay } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Lab } from "../lab.ts";

const AGAIN_MS = 200;

/** The death of a node, as the coordinator has told it. */
export type ToldDeath = { readonly nodeId: string; readonly atMs: number; readonly message: string };

/** Reads the stream of events as a client does that wants them all: what breaks is taken up again where it ended. */
export class EventReader {
  readonly #lab: Lab;
  #last: bigint | null = null;
  /** Events read, streams that broke, and times in which it was told to list again. */
  read = 0;
  broken = 0;
  relisted = 0;
  /** Numbers that were missing, came twice or went back. */
  readonly violations: string[] = [];
  readonly deaths: ToldDeath[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async run(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      try {
        await this.#follow(end);
      } catch (error) {
        if (end.aborted) return;
        if (error instanceof ConnectError && error.code === Code.OutOfRange) {
          this.relisted += 1;
          this.#last = null;
        }
        this.broken += 1;
      }
      await delay(AGAIN_MS, undefined, { signal: end }).catch(() => undefined);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const request = this.#last === null ? {} : { after: this.#last };
    for await (const { message } of this.#lab.api().streams.events.watch(request, { signal })) {
      if (message.case === "opened") this.#last ??= message.value.asOf;
      if (message.case !== "change" || !message.value.event) continue;
      const { sequence, type, nodeId, at, message: says } = message.value.event;
      if (this.#last !== null && sequence !== this.#last + 1n) this.violations.push(`${sequence} after ${this.#last}`);
      this.#last = sequence;
      this.read += 1;
      if (type === "node.dead" && at) this.deaths.push({ nodeId, atMs: timestampMs(at), message: says });
    }
  }
}
