import type { Change } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { ApiClient } from "../../cli/src/client/api-client.ts";
import { until } from "../../lab/src/until.ts";

/** What a watcher of the Watch stream was sent, in order. */
export class EventRecord {
  readonly changes: Change[] = [];
  readonly #api: () => ApiClient;
  #after: bigint;
  #connection: AbortController | undefined;
  #ended: Promise<void> = Promise.resolve();

  /** Records what comes after a sequence number. `api` is asked anew for every connection. */
  constructor(api: () => ApiClient, after: bigint) {
    this.#api = api;
    this.#after = after;
  }

  /** Opens the stream from the last number seen, and stays on it until disconnect; a broken stream ends the recording. */
  connect(): void {
    const connection = new AbortController();
    this.#connection = connection;
    this.#ended = this.#read(connection.signal).catch(() => undefined);
  }

  /** Cuts the connection in the middle of whatever it does. */
  async disconnect(): Promise<void> {
    this.#connection?.abort();
    await this.#ended;
  }

  /** Opens the stream again and again as it breaks, until disconnect. */
  follow(): void {
    const connection = new AbortController();
    this.#connection = connection;
    this.#ended = (async () => {
      while (!connection.signal.aborted) {
        await this.#read(connection.signal).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, connection.signal.aborted ? 0 : 100));
      }
    })();
  }

  /** Sequence numbers in the order of their arrival. */
  get sequences(): bigint[] {
    return this.changes.map(({ event }) => event?.sequence ?? -1n);
  }

  /** States of a container's migrations in the order of their arrival. */
  statesOf(container: string): string[] {
    return this.changes
      .filter(({ event, migration }) => event?.type === "migration.state" && migration?.containerName === container)
      .map(({ event }) => String(event?.data?.["state"]));
  }

  /** Waits for a change that was or will be sent. */
  async seen(what: string, boundMs: number, wanted: (change: Change) => boolean): Promise<Change> {
    return await until(`the Watch stream shows ${what}`, boundMs, () => this.changes.find(wanted), 5);
  }

  async #read(signal: AbortSignal): Promise<void> {
    for await (const { message } of this.#api().streams.events.watch({ after: this.#after }, { signal })) {
      if (message.case !== "change") continue;
      this.changes.push(message.value);
      this.#after = message.value.event?.sequence ?? this.#after;
    }
  }
}
