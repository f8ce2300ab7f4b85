import type { ServiceImpl } from "@connectrpc/connect";
import { NPlusOnePolicy, PlacementStrategy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { ClusterService, MigrationLimitsChange, PolicyChoice } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { MigrationLimits } from "../../domain/migration/migration-limits.ts";
import type { ClusterChange, PolicyWish } from "../../runtime/cluster-wishes.ts";
import { clusterById, listClusters } from "../../store/read-model/cluster-readings.ts";
import { findClusterId } from "../../store/read-model/lookup.ts";
import { demand } from "../demand-permission.ts";
import { mustSee, sightOf } from "../sight.ts";
import { clusterView, profileViews } from "../views/cluster-view.ts";
import { callerOf, found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Clusters; see the proto. */
export function clusterService(plane: PlaneContext): ServiceImpl<typeof ClusterService> {
  const show = (id: string) =>
    read(plane, async (snapshot) => {
      const reading = found(await clusterById(snapshot, id), () => new Error(`cluster ${id} vanished`));
      return { cluster: clusterView(reading, plane.status.groupOf(id)) };
    });
  const idOf = (named: string) => read(plane, ({ em }) => findClusterId(em, named, "id", "not_found"));
  return {
    listClusters: (request, context) =>
      read(plane, async (snapshot) => {
        const reach = sightOf(callerOf(context), "cluster");
        const page = await listClusters(snapshot, { reach, ...request });
        return {
          clusters: page.rows.map((reading) => clusterView(reading, plane.status.groupOf(reading.row.id))),
          nextPageToken: page.nextPageToken,
        };
      }),

    getCluster: async (request) => show(await idOf(request.id)),

    async createCluster(request, context) {
      const { clusterId } = await plane.clusters.createCluster(
        request.name,
        { ...changeOf(request), allowOtherClusters: request.allowOtherClusters, description: request.description },
        requestedBy(context),
      );
      return show(clusterId);
    },

    async updateCluster(request, context) {
      const id = await idOf(request.id);
      const { description, allowOtherClusters } = request;
      // Its containers would go where others decide.
      if (allowOtherClusters === true) demand(callerOf(context), "cluster:update");
      const change = {
        ...changeOf(request),
        ...(request.migrationLimits === undefined ? {} : { limits: limitsOf(request.migrationLimits) }),
        ...(description === undefined ? {} : { description }),
        ...(allowOtherClusters === undefined ? {} : { allowOtherClusters }),
      };
      await plane.clusters.updateCluster(id, change, requestedBy(context), request.etag);
      return show(id);
    },

    async deleteCluster(request, context) {
      await plane.clusters.deleteCluster(await idOf(request.id), requestedBy(context), request.etag);
      return {};
    },

    async overrideSuspension(request, context) {
      const id = await idOf(request.id);
      const nodeIds = await read(plane, async ({ em }) => {
        const ids: string[] = [];
        for (const named of request.nodes) {
          ids.push((await mustSee(em, callerOf(context), "node", named, "nodes", "unknown")).id);
        }
        return ids;
      });
      await plane.clusters.overrideSuspension(id, nodeIds, request.reason, requestedBy(context));
      return show(id);
    },

    listProfiles: () => ({ profiles: profileViews() }),
  };
}

type Settings = {
  readonly policy?: PolicyChoice | undefined;
  readonly autoMigrate?: boolean | undefined;
  readonly survival?: boolean | undefined;
  readonly nPlusOne?: NPlusOnePolicy | undefined;
  readonly placement?: PlacementStrategy | undefined;
  readonly floatingImages?: boolean | undefined;
};

function changeOf({ policy, autoMigrate, survival, ...chosen }: Settings): ClusterChange {
  const nPlusOne = chosen.nPlusOne === undefined ? null : N_PLUS_ONE[chosen.nPlusOne];
  const placement = chosen.placement === undefined ? null : PLACEMENT[chosen.placement];
  return {
    ...(policy === undefined ? {} : { policy: wishOf(policy) }),
    ...(autoMigrate === undefined ? {} : { autoMigrate }),
    ...(survival === undefined ? {} : { survival }),
    ...(nPlusOne === null ? {} : { nPlusOne }),
    ...(placement === null ? {} : { placement }),
    ...(chosen.floatingImages === undefined ? {} : { floatingImages: chosen.floatingImages }),
  };
}

function limitsOf(change: MigrationLimitsChange): Partial<MigrationLimits> {
  const { migrationsAtOnce, migrationsPerTarget, failoversPerTarget } = change;
  return {
    ...(migrationsAtOnce === undefined ? {} : { migrationsAtOnce }),
    ...(migrationsPerTarget === undefined ? {} : { migrationsPerTarget }),
    ...(failoversPerTarget === undefined ? {} : { failoversPerTarget }),
  };
}

function wishOf({ profile, intervalMs, leaseMs, killMs, voteMs, unhealthyMs }: PolicyChoice): PolicyWish {
  return {
    profile,
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(killMs === undefined ? {} : { killMs }),
    ...(voteMs === undefined ? {} : { voteMs }),
    ...(unhealthyMs === undefined ? {} : { unhealthyMs }),
  };
}

const N_PLUS_ONE: Readonly<Record<NPlusOnePolicy, "off" | "warn" | "refuse" | null>> = {
  [NPlusOnePolicy.UNSPECIFIED]: null,
  [NPlusOnePolicy.OFF]: "off",
  [NPlusOnePolicy.WARN]: "warn",
  [NPlusOnePolicy.REFUSE]: "refuse",
};

const PLACEMENT: Readonly<Record<PlacementStrategy, "spread" | "binpack" | null>> = {
  [PlacementStrategy.UNSPECIFIED]: null,
  [PlacementStrategy.SPREAD]: "spread",
  [PlacementStrategy.BINPACK]: "binpack",
};
