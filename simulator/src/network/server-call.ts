import type { AgentCall } from "@lormas/coordinator/agents/agent-call.ts";
import type { Connection } from "./connection.ts";
import { type StreamListener, StreamListeners } from "./stream-listeners.ts";

/**
 * The coordinator's end of a stream on a simulated connection. The buffers between are larger than all that is sent before a
 * silent connection is given up, so that a writer is never seen to wait.
 */
export class ServerCall<In, Out> implements AgentCall<In, Out> {
  readonly #connection: Connection;
  readonly #number: number;
  readonly #listeners = new StreamListeners();
  readonly #unread: ({ readonly message: In } | "end")[] = [];
  #paused = false;
  #ended = false;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  destroyed = false;

  constructor(connection: Connection, number: number) {
    this.#connection = connection;
    this.#number = number;
  }

  write(message: Out): void {
    if (!this.#ended) this.#connection.sendDown({ call: this.#number, kind: "data", message });
  }

  end(): void {
    this.#finish(null);
  }

  /** Ends the stream with a status other than OK. */
  emit(_event: "error", status: Error): void {
    this.#finish(status);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused) {
      const next = this.#unread.shift();
      if (next === undefined) return;
      this.#hear(next);
    }
  }

  on(event: string, listener: StreamListener): void {
    this.#listeners.add(event, listener, false);
  }

  once(event: string, listener: StreamListener): void {
    this.#listeners.add(event, listener, true);
  }

  /** A message, or the end of what the agent has to say, has come. */
  receive(next: { readonly message: In } | "end"): void {
    if (this.destroyed) return;
    if (this.#paused || this.#unread.length > 0) this.#unread.push(next);
    else this.#hear(next);
  }

  /** The stream is gone: cancelled, answered to its end, or its connection lost. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#unread.length = 0;
    this.#listeners.tell("close");
  }

  #hear(next: { readonly message: In } | "end"): void {
    if (next === "end") this.#listeners.tell("end");
    else this.#listeners.tell("data", next.message);
  }

  #finish(status: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connection.sendDown({ call: this.#number, kind: "end", error: status });
  }
}
