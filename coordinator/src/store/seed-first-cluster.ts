import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import type { CoordinatorConfig } from "../config/config-keys.ts";
import { ClusterEntity } from "./entities/fleet-entities.ts";
import type { Database } from "./open-database.ts";

/** Makes the first cluster of a fleet that has none. */
export async function seedFirstCluster(
  database: Database,
  config: Pick<CoordinatorConfig, "clusterName" | "profile">,
  parts: { readonly newId: () => string; readonly wallMs: () => number },
): Promise<void> {
  await database.orm.em.fork().transactional(async (em) => {
    // Two coordinators that start at once must not make two.
    await em.execute("lock table cluster in share row exclusive mode");
    if ((await em.count(ClusterEntity, {})) > 0) return;
    await em.insert(ClusterEntity, {
      id: parts.newId(),
      name: config.clusterName,
      description: "Made at the first start",
      policy: LEASE_PROFILES[config.profile],
      autoMigrate: true,
      allowOtherClusters: false,
      createdAt: new Date(parts.wallMs()),
    });
  });
}
