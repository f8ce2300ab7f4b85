import { completePolicy } from "@lormas/lease/lease-policy.ts";
import type { MembershipEpoch, MembershipHistory } from "@lormas/lease/membership.ts";
import type { EntityData, EntityManager } from "@mikro-orm/postgresql";
import type { DecisionChanges, LoadedFleet } from "../../runtime/decision-store.ts";
import type { ClusterRecord } from "../../runtime/fleet-view.ts";
import {
  ClusterEntity,
  type ClusterRow,
  MembershipEpochEntity,
  type MembershipEpochRow,
} from "../entities/fleet-entities.ts";

/** Writes clusters and the epochs of their voting groups; epochs that nobody believes in any more go. */
export async function writeGroups(em: EntityManager, changes: DecisionChanges, at: Date): Promise<void> {
  if (changes.clusters.length > 0) {
    await em.upsertMany(ClusterEntity, changes.clusters.map(clusterRow));
  }
  for (const id of changes.removedClusters) {
    await em.nativeDelete(ClusterEntity, { id });
    // Its newest epoch stays, so that its number is never given again.
    await em.execute(
      `delete from membership_epoch where cluster_id = ?
          and epoch < (select max(epoch) from membership_epoch where cluster_id = ?)`,
      [id, id],
    );
  }
  for (const { clusterId, history } of changes.memberships) {
    await em.nativeDelete(MembershipEpochEntity, { clusterId, epoch: { $lt: history[0].epoch } });
    await em.upsertMany(
      MembershipEpochEntity,
      history.map(({ epoch, voters, policy }) => ({ epoch, clusterId, voters, policy, createdAt: at })),
      // What an epoch says never changes once it was given.
      { onConflictAction: "ignore" },
    );
  }
}

// Named one by one: a field that is a column under another name must not slip in.
export function clusterRow(cluster: ClusterRecord): EntityData<ClusterRow> {
  const { id, name, description, policy, autoMigrate, allowOtherClusters, nPlusOne, placement, createdAtMs, limits } =
    cluster;
  const { migrationsAtOnce, migrationsPerTarget, failoversPerTarget } = limits;
  return {
    id,
    name,
    description,
    policy,
    autoMigrate,
    allowOtherClusters,
    nPlusOne,
    placement,
    floatingImages: cluster.floatingImages ?? false,
    migrationsAtOnce,
    migrationsPerTarget,
    failoversPerTarget,
    createdAt: new Date(createdAtMs),
  };
}

export function clusterOfRow(row: ClusterRow): ClusterRecord {
  const { id, name, description, policy, autoMigrate, allowOtherClusters, nPlusOne, placement, createdAt } = row;
  return {
    id,
    name,
    description,
    policy: completePolicy(policy),
    autoMigrate,
    allowOtherClusters,
    nPlusOne,
    placement,
    floatingImages: row.floatingImages,
    createdAtMs: createdAt.getTime(),
    limits: {
      migrationsAtOnce: row.migrationsAtOnce,
      migrationsPerTarget: row.migrationsPerTarget,
      failoversPerTarget: row.failoversPerTarget,
    },
  };
}

/** The epochs of every group, oldest first, and the highest number among them. */
export async function loadMemberships(em: EntityManager): Promise<Pick<LoadedFleet, "memberships" | "newestEpoch">> {
  const rows = await em.find(MembershipEpochEntity, {}, { orderBy: { epoch: "asc" } });
  const memberships = new Map<string, MembershipHistory>();
  for (const row of rows) {
    const before = memberships.get(row.clusterId);
    memberships.set(row.clusterId, before ? [...before, epochOfRow(row)] : [epochOfRow(row)]);
  }
  return { memberships, newestEpoch: rows.at(-1)?.epoch ?? 0 };
}

export function epochOfRow({ epoch, voters, policy }: MembershipEpochRow): MembershipEpoch {
  return { epoch, voters, policy: completePolicy(policy) };
}
