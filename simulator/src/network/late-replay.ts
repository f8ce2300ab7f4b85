/** Takes a message into a stream as if it had come in it; whoever has gone hears nothing. */
type Deliver = (message: unknown) => void;

/**
 * What one node's command streams carry once more, long after: into the stream that there is by then, in a later connection,
 * to another run of the agent or to another coordinator. No network does that to a stream; retries on both sides may look
 * like it.
 */
export class LateReplay {
  readonly #newest: { up: StreamEnd | null; down: StreamEnd | null } = { up: null, down: null };

  readonly #onReplay: () => void;

  constructor(onReplay: () => void) {
    this.#onReplay = onReplay;
  }

  /** A stream carries messages this way. The newest one is what is delivered into. */
  carries(way: "up" | "down", connection: object, call: number, deliver: Deliver): void {
    const newest = this.#newest[way];
    if (newest?.connection === connection && newest.call === call) return;
    this.#newest[way] = { connection, call, deliver };
  }

  deliver(way: "up" | "down", message: unknown): void {
    this.#onReplay();
    this.#newest[way]?.deliver(message);
  }
}

type StreamEnd = { readonly connection: object; readonly call: number; readonly deliver: Deliver };
