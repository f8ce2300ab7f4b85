import { Migration20261121114500Initial } from "./migration-20261121114500-initial.ts";
import { Migration20261121143357Alerts } from "./migration-20261121143357-alerts.ts";
import { Migration20261121144617Duties } from "./migration-20261121144617-duties.ts";
import { Migration20261121145245MigrationLimits } from "./migration-20261121145245-migration-limits.ts";
import { Migration20261121145250VotingGroups } from "./migration-20261121145250-voting-groups.ts";

/**
 * In the order in which they run. One that has been released is never changed: `node
 * coordinator/src/store/new-migration.ts NAME` writes the next from the difference between the entities and these.
 */
export const allMigrations = [
  { name: "migration-20261121114500-initial", class: Migration20261121114500Initial },
  { name: "migration-20261121143357-alerts", class: Migration20261121143357Alerts },
  { name: "migration-20261121144617-duties", class: Migration20261121144617Duties },
  { name: "migration-20261121145250-voting-groups", class: Migration20261121145250VotingGroups },
  { name: "migration-20261121145245-migration-limits", class: Migration20261121145245MigrationLimits },
] as const;
