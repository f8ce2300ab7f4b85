import type { Migration } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type ApiError, toApiError } from "../api/api-error.ts";
import { migrationClient } from "../api/clients.ts";
import { fullerMigration } from "../migration/migration-list.ts";
import { fleet } from "./fleet.svelte.ts";

/**
 * One migration in full and current: lists and events may leave out steps and decision, so the detail is read once, and
 * again whenever the stream tells of a newer view that lacks them.
 */
export class MigrationReader {
  #detail = $state.raw<Migration | undefined>(undefined);
  #error = $state.raw<ApiError | null>(null);
  #asked = "";

  /** Why the detail is not there. */
  get error(): ApiError | null {
    return this.#error;
  }

  /** The best view there is; undefined while nothing is known of it. */
  of(id: string): Migration | undefined {
    return fullerMigration(fleet.migration(id), this.#detail?.id === id ? this.#detail : undefined);
  }

  /** Reads it again after an error. */
  retry(id: string): void {
    this.#asked = "";
    this.read(id);
  }

  /** Reads it when what is known is not full; call it in an effect. An empty id reads nothing. */
  read(id: string): void {
    if (id === "") return;
    const live = fleet.migration(id);
    if (live !== undefined && live.steps.length > 0 && live.decision !== undefined) return;
    const key = `${id}@${live?.asOf ?? ""}`;
    if (this.#asked === key) return;
    this.#asked = key;
    this.#error = null;
    migrationClient.getMigration({ id }).then(
      ({ migration }) => {
        if (this.#asked.startsWith(id) && migration !== undefined) this.#detail = migration;
      },
      (cause: unknown) => {
        if (this.#asked.startsWith(id)) this.#error = toApiError(cause);
      },
    );
  }
}
