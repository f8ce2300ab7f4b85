import { goto } from "$app/navigation";
import { page } from "$app/state";
import { withQuery } from "../format/query.ts";

/**
 * The query of the page's address, as filters are kept in it. What was set is read at once, before the navigation is through: a field
 * that is typed into never falls back behind the typing.
 */
class AddressQuery {
  /** The query that was asked for and is not in the address yet. */
  #ahead = $state.raw<string | null>(null);
  readonly #params = $derived(new URLSearchParams(this.#ahead ?? page.url.search));

  /** A field; empty when it is not there. */
  get(name: string): string {
    return this.#params.get(name) ?? "";
  }

  has(name: string): boolean {
    return this.#params.has(name);
  }

  /** Sets these fields and leaves the others; empty ones go. The history gets no entry for it, focus and scrolling stay. */
  async set(fields: Readonly<Record<string, string>>): Promise<void> {
    const { pathname } = page.url;
    const path = withQuery({ pathname, search: this.#ahead ?? page.url.search }, fields);
    const search = path.slice(pathname.length);
    this.#ahead = search;
    try {
      await goto(path, { replace: true, reset: false });
    } finally {
      // A newer one goes on from here.
      if (this.#ahead === search) this.#ahead = null;
    }
  }
}

/** Of the page that is shown. */
export const addressQuery = new AddressQuery();
