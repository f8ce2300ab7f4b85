import type { UsageSample, UsageStore } from "../usage/usage-sample.ts";
import { holdTerm } from "./decisions/postgres-decision-store.ts";
import type { Database } from "./open-database.ts";

/** Samples of what containers used, in PostgreSQL: one statement for all that are given. */
export class PostgresUsageStore implements UsageStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async append(term: number, samples: readonly UsageSample[]): Promise<void> {
    if (samples.length === 0) return;
    const rows = samples.map((sample) => ({ ...sample, at: new Date(sample.atMs).toISOString() }));
    await this.#database.orm.em.fork().transactional(async (em) => {
      await holdTerm(em, term);
      // A clock that was set back may make two samples of one stretch: they become one here, as with what is there already.
      await em.execute(
        `insert into usage_sample as kept
           (container_id, hourly, at, seconds, reports, cpu_millis, cpu_millis_max, memory_bytes, memory_bytes_max)
         select "containerId", hourly, at, max(seconds), sum(reports),
                round(sum("cpuMillis"::numeric * reports) / sum(reports)), max("cpuMillisMax"),
                round(sum("memoryBytes"::numeric * reports) / sum(reports)), max("memoryBytesMax")
           from jsonb_to_recordset(?::jsonb) as given
             ("containerId" uuid, hourly boolean, at timestamptz, seconds int, reports int, "cpuMillis" bigint,
              "cpuMillisMax" bigint, "memoryBytes" bigint, "memoryBytesMax" bigint)
          group by "containerId", hourly, at
             on conflict (container_id, hourly, at) do update set
                seconds = greatest(kept.seconds, excluded.seconds),
                reports = kept.reports + excluded.reports,
                cpu_millis = round((kept.cpu_millis::numeric * kept.reports
                  + excluded.cpu_millis::numeric * excluded.reports) / (kept.reports + excluded.reports)),
                cpu_millis_max = greatest(kept.cpu_millis_max, excluded.cpu_millis_max),
                memory_bytes = round((kept.memory_bytes::numeric * kept.reports
                  + excluded.memory_bytes::numeric * excluded.reports) / (kept.reports + excluded.reports)),
                memory_bytes_max = greatest(kept.memory_bytes_max, excluded.memory_bytes_max)`,
        [JSON.stringify(rows)],
      );
    });
  }
}
