import { type ApiError, toApiError } from "../api/api-error.ts";
import { beyond } from "./row-bound.ts";

/** A page of a list: its rows and the token of the next one, empty on the last. */
export type Page<Row> = { readonly rows: readonly Row[]; readonly next: string };
type ReadPage<Row> = (pageToken: string, signal: AbortSignal) => Promise<Page<Row>>;

/** A list of the API, page by page. */
export class PageReader<Row> {
  #value = $state.raw<readonly Row[] | null>(null);
  #error = $state.raw<ApiError | null>(null);
  #next = $state("");
  #busy = $state(false);
  #stop: AbortController | undefined;
  readonly #page: ReadPage<Row>;

  constructor(page: ReadPage<Row>) {
    this.#page = page;
  }

  /** The rows so far; null until the first page is there. */
  get value(): readonly Row[] | null {
    return this.#value;
  }
  /** Why the last reading failed; null when it did not. */
  get error(): ApiError | null {
    return this.#error;
  }
  /** True while there is more, and room for it. */
  get more(): boolean {
    return beyond(this.#value?.length ?? 0, this.#next) === "more";
  }
  /** True when there is more than a tab holds. */
  get full(): boolean {
    return beyond(this.#value?.length ?? 0, this.#next) === "too_many";
  }
  get busy(): boolean {
    return this.#busy;
  }

  /** Reads the first page anew; the answer calls it off. In an effect it follows what the call looks at. */
  read = (): (() => void) => this.#read("", () => []);

  /** Reads the first page again, for a button. */
  again = (): void => {
    this.read();
  };

  /** Adds the next page, if there is one. */
  readMore = (): void => {
    if (this.more && !this.#busy) this.#read(this.#next, () => this.#value ?? []);
  };

  #read(token: string, before: () => readonly Row[]): () => void {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#busy = true;
    this.#page(token, stop.signal).then(
      ({ rows, next }) => {
        if (stop.signal.aborted) return;
        this.#value = [...before(), ...rows];
        this.#next = next;
        this.#error = null;
        this.#busy = false;
      },
      (cause: unknown) => {
        if (stop.signal.aborted) return;
        this.#error = toApiError(cause);
        this.#busy = false;
      },
    );
    return () => stop.abort();
  }
}
