import type { Message } from "@bufbuild/protobuf";
import type { AgentCall } from "./agent-call.ts";
import type { NodePeer } from "./node-peer.ts";
import { type RpcStatus, unavailable } from "./rpc-status.ts";

/**
 * One stream of an agent, both ways. After finish() or fail() nothing is written any more and nothing that still arrives
 * is handed on; closed callbacks run exactly once, when grpc-js has let go of the stream.
 */
export class AgentStream<In extends Message, Out extends Message> {
  readonly peer: NodePeer;
  readonly #call: AgentCall<In, Out>;
  readonly #closed: (() => void)[] = [];
  readonly #maySend: () => boolean;
  #state: "open" | "ended" | "closed" = "open";

  /** `maySend` is asked right before each message; once it says no, the stream ends and the agent is told to dial again. */
  constructor(call: AgentCall<In, Out>, peer: NodePeer, maySend: () => boolean) {
    this.#call = call;
    this.#maySend = maySend;
    this.peer = peer;
    const close = (): void => {
      if (this.#state === "closed") return;
      this.#state = "closed";
      for (const callback of this.#closed.splice(0)) callback();
    };
    call.once("close", close);
    if (call.destroyed) this.#state = "closed";
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Messages that are written but not yet taken by the connection. */
  get waiting(): number {
    return this.#call.writableLength;
  }

  /** Starts reading. `message` may throw an RpcStatus through `failed`; `end`: the agent has nothing more to say. */
  read(message: (message: In) => void, failed: (error: unknown) => void, end: () => void): void {
    this.#call.on("data", (received: In) => {
      if (!this.open) return;
      try {
        message(received);
      } catch (error) {
        failed(error);
      }
    });
    this.#call.once("end", () => {
      if (this.open) end();
    });
  }

  /** Stops reading; what the agent goes on sending fills its own buffers. */
  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    if (this.open) this.#call.resume();
  }

  /**
   * Sends a message; without effect once the stream has ended. Between the question and the socket lie a few instructions: a
   * process that is stopped just there sends one message when it goes on. Agents obey no term below the highest they have
   * seen, and what the message grants is counted from before the stop.
   */
  write(message: Out): void {
    if (!this.open) return;
    if (this.#maySend()) this.#call.write(message);
    else this.fail(unavailable("this coordinator does not lead any more: dial again"));
  }

  /** Calls back once when something written has been taken, or when the stream has ended. */
  onDrain(callback: () => void): void {
    if (!this.open || !this.#call.writableNeedDrain) return callback();
    let called = false;
    const once = (): void => {
      if (called) return;
      called = true;
      callback();
    };
    this.#call.once("drain", once);
    this.onClosed(once);
  }

  onClosed(callback: () => void): void {
    if (this.closed) callback();
    else this.#closed.push(callback);
  }

  /** Ends with OK after what has been written. */
  finish(): void {
    if (!this.open) return;
    this.#state = "ended";
    this.#call.end();
  }

  /** Ends with a status other than OK. */
  fail(status: RpcStatus): void {
    if (!this.open) return;
    this.#state = "ended";
    // grpc-js ends a stream with a status by this event; nothing is thrown, it listens itself.
    this.#call.emit("error", status);
    // What still comes is read and thrown away, so that the connection does not fill up.
    this.#call.resume();
  }
}
