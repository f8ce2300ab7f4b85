/** Moments that a fault may wait for, so that it comes in them. */
export type CueName =
  /** The engine of a host is asked to start a copy. */
  | "start"
  /** The agent of a node is about to say goodbye. */
  | "goodbye"
  /** A voting group's new epoch was committed. */
  | "epoch";

type Waiting = { readonly name: CueName; readonly host: string | null; readonly callback: () => void };

/** Tells those who wait for a moment that it has come. */
export class Cues {
  readonly #waiting = new Set<Waiting>();

  /** Calls back once, at the next such moment of that host; the answer gives up waiting. */
  next(name: CueName, host: string, callback: () => void): () => void {
    const waiting = { name, host, callback };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** It has happened on a host; null: to the fleet, which concerns every host. */
  tell(name: CueName, host: string | null): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.name !== name || (host !== null && waiting.host !== host)) continue;
      this.#waiting.delete(waiting);
      waiting.callback();
    }
  }
}
