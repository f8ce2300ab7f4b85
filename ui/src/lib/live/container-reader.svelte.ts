import type { Egg, Event, Migration } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ApiError, toApiError } from "../api/api-error.ts";
import { containerClient, eggClient, eventClient } from "../api/clients.ts";
import { mergeMigrations } from "../migration/migration-list.ts";

const historyPageSize = 20;
const eventsFirst = 30;

/** What a container's page needs besides the live view: its egg, its older migrations and its older events. */
export class ContainerReader {
  #containerId = $state("");
  #history = $state.raw<readonly Migration[]>([]);
  #events = $state.raw<readonly Event[]>([]);
  #egg = $state.raw<Egg | undefined>(undefined);
  #token = $state("");
  #busy = $state(false);
  #historyError = $state.raw<ApiError | null>(null);

  get egg(): Egg | undefined {
    return this.#egg;
  }
  get busy(): boolean {
    return this.#busy;
  }
  get hasOlder(): boolean {
    return this.#token !== "";
  }
  /** Why the history is not there, or not further. */
  get historyError(): ApiError | null {
    return this.#historyError;
  }

  /** All known migrations of the container, newest first. */
  history(live: readonly Migration[]): readonly Migration[] {
    const id = this.#containerId;
    return mergeMigrations(
      live.filter(({ containerId }) => containerId === id),
      this.#history,
    );
  }

  /** Its events from before those that the fleet keeps, newest first. */
  olderEvents(live: readonly Event[]): readonly Event[] {
    const oldest = live.at(-1)?.sequence;
    return oldest === undefined ? this.#events : this.#events.filter(({ sequence }) => sequence < oldest);
  }

  /** Reads the newest of the history and the events. An empty id keeps what was read, for a container just removed. */
  start(containerId: string): void {
    if (containerId === "") return;
    this.#containerId = containerId;
    this.#history = [];
    this.#events = [];
    this.#token = "";
    void this.#readHistory();
    eventClient.listEvents({ container: containerId, latest: true, pageSize: eventsFirst }).then(
      ({ events }) => {
        if (this.#containerId === containerId) this.#events = events.toReversed();
      },
      () => {
        // The live events are still shown; the watch reports what is wrong with the connection.
      },
    );
  }

  /** Reads the next page of the history. */
  loadOlder(): void {
    if (this.#token !== "") void this.#readHistory();
  }

  /** Reads the egg; without it the page shows its id. */
  readEgg(eggId: string): void {
    if (eggId === "") return;
    eggClient.getEgg({ id: eggId }).then(
      ({ egg }) => {
        this.#egg = egg;
      },
      () => {
        this.#egg = undefined;
      },
    );
  }

  async #readHistory(): Promise<void> {
    const id = this.#containerId;
    this.#busy = true;
    this.#historyError = null;
    try {
      const page = await containerClient.listMigrationHistory({
        id,
        pageSize: historyPageSize,
        pageToken: this.#token,
      });
      if (this.#containerId !== id) return;
      this.#history = mergeMigrations(this.#history, page.migrations);
      this.#token = page.nextPageToken;
    } catch (cause) {
      this.#historyError = toApiError(cause);
    } finally {
      this.#busy = false;
    }
  }
}
