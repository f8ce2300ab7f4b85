import { Migration } from "@mikro-orm/migrations";

/** Finds the events of a cluster, for those who may see no others. */
export class Migration20261130140500EventsOfClusters extends Migration {
  override name = "migration-20261130140500-events-of-clusters";

  override up(): void {
    this.addSql(`create index "event_cluster_ids_index" on "event" using gin ("cluster_ids");`);
  }

  override down(): void {
    this.addSql(`drop index "event_cluster_ids_index";`);
  }
}
