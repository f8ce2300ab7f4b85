/** Each takes what the event of its name brings, which the stream's own type promises. */
export type StreamListener = (value: never) => void;

/** Listeners of one stream, by the name of what they wait for; the little of an event emitter that streams need. */
export class StreamListeners {
  readonly #listeners = new Map<string, { readonly call: StreamListener; readonly once: boolean }[]>();

  add(event: string, call: StreamListener, once: boolean): void {
    const listeners = this.#listeners.get(event);
    if (listeners) listeners.push({ call, once });
    else this.#listeners.set(event, [{ call, once }]);
  }

  /** Calls those who listen now. */
  tell(event: string, value?: unknown): void {
    const listeners = this.#listeners.get(event);
    if (!listeners) return;
    for (const listener of [...listeners]) {
      if (listener.once) listeners.splice(listeners.indexOf(listener), 1);
      // Each event has its own type of value; who listens for it has named that type.
      listener.call(value as never);
    }
  }
}
