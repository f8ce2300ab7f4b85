import type { StreamCall } from "@lormas/agent/session/stream-call.ts";
import type { Connection } from "./connection.ts";
import { type StreamListener, StreamListeners } from "./stream-listeners.ts";

/** The agent's end of a stream on a simulated connection. */
export class ClientCall<Request, Response> implements StreamCall<Request, Response> {
  readonly number: number;
  readonly #connection: Connection;
  readonly #listeners = new StreamListeners();
  #over = false;

  constructor(connection: Connection, number: number) {
    this.#connection = connection;
    this.number = number;
  }

  write(message: Request, taken?: () => void): void {
    if (this.#over) return;
    this.#connection.sendUp({ call: this.number, kind: "data", message });
    // The network's buffers are large, and what passes through here is bounded by the session itself.
    taken?.();
  }

  end(): void {
    if (!this.#over) this.#connection.sendUp({ call: this.number, kind: "end" });
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.sendUp({ call: this.number, kind: "cancel" });
    this.#connection.forgetCall(this.number);
  }

  on(event: string, listener: StreamListener): void {
    this.#listeners.add(event, listener, false);
  }

  once(event: string, listener: StreamListener): void {
    this.#listeners.add(event, listener, true);
  }

  /** A message has come. */
  receive(message: Response): void {
    if (!this.#over) this.#listeners.tell("data", message);
  }

  /** The other side has ended the stream: with null in order. */
  ended(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    if (error) this.#listeners.tell("error", error);
    else this.#listeners.tell("end");
  }
}
