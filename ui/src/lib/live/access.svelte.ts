import { accessClient } from "../api/management-clients.ts";

/** What is of no cluster: it asks for a role for everything, and one that is granted for a cluster is not enough. */
const EVERYWHERE = new Set(["audit:view", "egg:delete", "egg:import", "role:manage", "token:manage", "user:manage"]);

/** What the person who is signed in may, so that pages offer what will be granted. The API decides, not this. */
class Access {
  /** By a grant, wherever that holds. */
  #somewhere = $state.raw<ReadonlySet<string> | null>(null);
  /** By the role for everything. */
  #everywhere = $state.raw<ReadonlySet<string>>(new Set());
  #asked = $state(false);

  /** True once it is known, or cannot be found out: then everything is offered, and what is not granted says so itself. */
  get known(): boolean {
    return this.#asked;
  }

  /** Whether the API would grant this, somewhere at least; true while that is not known, so that nothing is hidden by mistake. */
  may(permission: string): boolean {
    if (this.#somewhere === null) return true;
    return (EVERYWHERE.has(permission) ? this.#everywhere : this.#somewhere).has(permission);
  }

  /** Reads it; the answer forgets it again. */
  start(): () => void {
    const stop = new AbortController();
    accessClient.whoAmI({}, { signal: stop.signal }).then(
      ({ permissions, permissionsSomewhere }) => {
        this.#everywhere = new Set(permissions);
        this.#somewhere = new Set(permissionsSomewhere);
        this.#asked = true;
      },
      () => {
        if (!stop.signal.aborted) this.#asked = true;
      },
    );
    return () => {
      stop.abort();
      this.#somewhere = null;
      this.#asked = false;
    };
  }
}

/** Of this tab. */
export const access = new Access();
