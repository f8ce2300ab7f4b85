import { Migration } from "@mikro-orm/migrations";

/** What containers used: by the minute for a day, by the hour for a month. */
export class Migration20261130190500UsageSamples extends Migration {
  override name = "migration-20261130190500-usage-samples";

  override up(): void {
    this.addSql(
      `create table "usage_sample" ("container_id" uuid not null, "hourly" boolean not null, "at" timestamptz not null, "seconds" int not null, "reports" int not null, "cpu_millis" bigint not null, "cpu_millis_max" bigint not null, "memory_bytes" bigint not null, "memory_bytes_max" bigint not null, primary key ("container_id", "hourly", "at"));`,
    );
    this.addSql(`create index "usage_sample_hourly_at_index" on "usage_sample" ("hourly", "at");`);
  }

  override down(): void {
    this.addSql(`drop table if exists "usage_sample";`);
  }
}
