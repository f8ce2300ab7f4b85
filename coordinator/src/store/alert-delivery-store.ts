import type { AlertRecord, AlertTransition } from "../domain/alert/alert.ts";
import type { AlertDeliveries, AlertDelivery } from "../notify/alert-webhook.ts";
import { AlertDeliveryEntity } from "./entities/alert-entities.ts";
import type { Database } from "./open-database.ts";

/** The transitions of alerts that the webhook's receiver has not confirmed, in PostgreSQL. */
export class AlertDeliveryStore implements AlertDeliveries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async oldest(limit: number): Promise<AlertDelivery[]> {
    const rows = await this.#database.orm.em
      .fork()
      .find(AlertDeliveryEntity, {}, { orderBy: { position: "asc" }, limit, disableIdentityMap: true });
    return rows.map(({ position, id, transition, at, alert, attempts }) => ({
      position,
      id,
      // Written by alert-rows.ts alone.
      transition: transition as AlertTransition,
      alert: alert as AlertRecord,
      atMs: at.getTime(),
      attempts,
    }));
  }

  async remove(position: number): Promise<void> {
    await this.#database.orm.em.fork().nativeDelete(AlertDeliveryEntity, { position });
  }

  async noteFailure(position: number, attempts: number, error: string): Promise<void> {
    await this.#database.orm.em
      .fork()
      .nativeUpdate(AlertDeliveryEntity, { position }, { attempts, lastError: error.slice(0, 500) });
  }

  async trim(keep: number): Promise<number> {
    const [row] = await this.#database.orm.em.fork().execute<{ gone: number }[]>(
      `with gone as (delete from alert_delivery where position <=
         (select position from alert_delivery order by position desc offset ? limit 1) returning 1)
       select count(*)::int as gone from gone`,
      [keep],
    );
    return row?.gone ?? 0;
  }
}
