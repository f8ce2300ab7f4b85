import { type ApiError, toApiError } from "../api/api-error.ts";

/** One answer of the API for a page. What was read stays shown while it is read anew, and when that fails. */
export class Reader<T> {
  #value = $state.raw<T | null>(null);
  #error = $state.raw<ApiError | null>(null);
  #stop: AbortController | undefined;
  readonly #call: (signal: AbortSignal) => Promise<T>;

  constructor(call: (signal: AbortSignal) => Promise<T>) {
    this.#call = call;
  }

  /** Null until something was read. */
  get value(): T | null {
    return this.#value;
  }
  /** Why the last reading failed; null when it did not. */
  get error(): ApiError | null {
    return this.#error;
  }

  /** Reads; the answer calls it off. A newer reading calls off the one before. In an effect it follows what the call looks at. */
  read = (): (() => void) => {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#call(stop.signal).then(
      (value) => {
        if (stop.signal.aborted) return;
        this.#value = value;
        this.#error = null;
      },
      (cause: unknown) => {
        if (!stop.signal.aborted) this.#error = toApiError(cause);
      },
    );
    return () => stop.abort();
  };

  /** Reads again, for a button. */
  again = (): void => {
    this.read();
  };

  /** Shows the answer to a change at once. */
  take(value: T): void {
    this.#stop?.abort();
    this.#value = value;
    this.#error = null;
  }

  /** Forgets what was read: something else is looked at. */
  forget(): void {
    this.#stop?.abort();
    this.#value = null;
    this.#error = null;
  }
}
