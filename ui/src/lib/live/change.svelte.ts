import { type ApiError, toApiError } from "../api/api-error.ts";

/** One change that somebody asks for: whether it is under way, and why it was refused. One at a time. */
export class Change {
  #busy = $state(false);
  #error = $state.raw<ApiError | null>(null);

  get busy(): boolean {
    return this.#busy;
  }
  get error(): ApiError | null {
    return this.#error;
  }

  /** Runs it; true when it was done. A second one at the same time is not begun. */
  async run(work: () => Promise<void>): Promise<boolean> {
    if (this.#busy) return false;
    this.#busy = true;
    this.#error = null;
    try {
      await work();
      return true;
    } catch (cause) {
      this.#error = toApiError(cause);
      return false;
    } finally {
      this.#busy = false;
    }
  }

  /** Shows a refusal that came another way; null takes it away. */
  refuse(error: ApiError | null): void {
    this.#error = error;
  }
}
