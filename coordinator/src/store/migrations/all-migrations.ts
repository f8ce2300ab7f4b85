import { Migration20261121114500Initial } from "./migration-20261121114500-initial.ts";
import { Migration20261121143357Alerts } from "./migration-20261121143357-alerts.ts";
import { Migration20261121144617Duties } from "./migration-20261121144617-duties.ts";
import { Migration20261121145245MigrationLimits } from "./migration-20261121145245-migration-limits.ts";
import { Migration20261121145250VotingGroups } from "./migration-20261121145250-voting-groups.ts";
import { Migration20261129233000Placement } from "./migration-20261129233000-placement.ts";
import { Migration20261129235500ApiTokens } from "./migration-20261129235500-api-tokens.ts";
import { Migration20261130060000Audit } from "./migration-20261130060000-audit.ts";
import { Migration20261130063800EggOrigins } from "./migration-20261130063800-egg-origins.ts";
import { Migration20261130123400NodeLabels } from "./migration-20261130123400-node-labels.ts";
import { Migration20261130124000Grants } from "./migration-20261130124000-grants.ts";
import { Migration20261130130500Roles } from "./migration-20261130130500-roles.ts";
import { Migration20261130140500EventsOfClusters } from "./migration-20261130140500-events-of-clusters.ts";
import { Migration20261130175500NodeDemands } from "./migration-20261130175500-node-demands.ts";
import { Migration20261130180000Secrets } from "./migration-20261130180000-secrets.ts";
import { Migration20261130180500NodeApproval } from "./migration-20261130180500-node-approval.ts";
import { Migration20261130181500NamedRequests } from "./migration-20261130181500-named-requests.ts";
import { Migration20261130183000Quotas } from "./migration-20261130183000-quotas.ts";
import { Migration20261130190500UsageSamples } from "./migration-20261130190500-usage-samples.ts";
import { Migration20261130191500Suspensions } from "./migration-20261130191500-suspensions.ts";
import { Migration20261130221000Authorities } from "./migration-20261130221000-authorities.ts";
import { Migration20261130221000Registries } from "./migration-20261130221000-registries.ts";
import { Migration20261130223500ImagePins } from "./migration-20261130223500-image-pins.ts";
import { Migration20261130223500SecondFactorDemands } from "./migration-20261130223500-second-factor-demands.ts";
import { Migration20261130230500TokenOwners } from "./migration-20261130230500-token-owners.ts";
import { Migration20261201034500JobResults } from "./migration-20261201034500-job-results.ts";
import { Migration20261201034800JobLogs } from "./migration-20261201034800-job-logs.ts";
import { Migration20261201101846RequestIds } from "./migration-20261201101846-request-ids.ts";

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
  { name: "migration-20261129233000-placement", class: Migration20261129233000Placement },
  { name: "migration-20261129235500-api-tokens", class: Migration20261129235500ApiTokens },
  { name: "migration-20261130060000-audit", class: Migration20261130060000Audit },
  { name: "migration-20261130063800-egg-origins", class: Migration20261130063800EggOrigins },
  { name: "migration-20261130123400-node-labels", class: Migration20261130123400NodeLabels },
  { name: "migration-20261130124000-grants", class: Migration20261130124000Grants },
  { name: "migration-20261130130500-roles", class: Migration20261130130500Roles },
  { name: "migration-20261130140500-events-of-clusters", class: Migration20261130140500EventsOfClusters },
  { name: "migration-20261130175500-node-demands", class: Migration20261130175500NodeDemands },
  { name: "migration-20261130180000-secrets", class: Migration20261130180000Secrets },
  { name: "migration-20261130180500-node-approval", class: Migration20261130180500NodeApproval },
  { name: "migration-20261130181500-named-requests", class: Migration20261130181500NamedRequests },
  { name: "migration-20261130183000-quotas", class: Migration20261130183000Quotas },
  { name: "migration-20261130190500-usage-samples", class: Migration20261130190500UsageSamples },
  { name: "migration-20261130191500-suspensions", class: Migration20261130191500Suspensions },
  { name: "migration-20261130221000-authorities", class: Migration20261130221000Authorities },
  { name: "migration-20261130221000-registries", class: Migration20261130221000Registries },
  { name: "migration-20261130223500-image-pins", class: Migration20261130223500ImagePins },
  { name: "migration-20261130223500-second-factor-demands", class: Migration20261130223500SecondFactorDemands },
  { name: "migration-20261130230500-token-owners", class: Migration20261130230500TokenOwners },
  { name: "migration-20261201034500-job-results", class: Migration20261201034500JobResults },
  { name: "migration-20261201034800-job-logs", class: Migration20261201034800JobLogs },
  { name: "migration-20261201101846-request-ids", class: Migration20261201101846RequestIds },
] as const;
