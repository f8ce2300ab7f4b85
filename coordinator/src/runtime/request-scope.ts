import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "./clock.ts";

/** Whose request is being served, for what follows from it: decisions take its id along without every call naming it. */
export interface RequestScope {
  /** The id of the request that is being served here; null: none. */
  current(): string | null;
  /** Runs what serves no request, whoever begins it: what it schedules and waits for serves none either. */
  outside<T>(act: () => T): T;
}

/** Where nobody asks for anything by a request: agents' reports, and simulations. */
export const NO_REQUESTS: RequestScope = { current: () => null, outside: (act) => act() };

/** A clock whose timers serve no request, whoever arms them. */
export const clockOutside = (requests: RequestScope, clock: Clock): Clock => ({
  bootMs: () => clock.bootMs(),
  wallMs: () => clock.wallMs(),
  schedule: (delayMs, callback) => requests.outside(() => clock.schedule(delayMs, callback)),
});

/** The scope that the public plane opens for every request, and that holds across everything which that awaits. */
export class ServedRequests implements RequestScope {
  readonly #ids = new AsyncLocalStorage<string | null>();

  within<T>(requestId: string, act: () => T): T {
    return this.#ids.run(requestId, act);
  }

  current(): string | null {
    return this.#ids.getStore() ?? null;
  }

  outside<T>(act: () => T): T {
    return this.#ids.run(null, act);
  }
}
