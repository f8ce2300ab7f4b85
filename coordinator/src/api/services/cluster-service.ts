import type { ServiceImpl } from "@connectrpc/connect";
import { NPlusOnePolicy, PlacementStrategy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  type ClusterService,
  type MigrationLimitsChange,
  type PolicyChoice,
  UpdateClusterRequestSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { DEFAULT_LIMITS, type MigrationLimits } from "../../domain/migration/migration-limits.ts";
import type { ClusterChange, PolicyWish } from "../../runtime/cluster-wishes.ts";
import type { FleetView } from "../../runtime/fleet-view.ts";
import { type ClusterReading, clusterById, listClusters } from "../../store/read-model/cluster-readings.ts";
import { foretoldCluster } from "../../store/read-model/foretold-readings.ts";
import { findClusterId } from "../../store/read-model/lookup.ts";
import { demand } from "../demand-permission.ts";
import { type Maskable, unmasked } from "../field-mask.ts";
import { mustSee, sightOf } from "../sight.ts";
import { clusterView, profileViews } from "../views/cluster-view.ts";
import { carryOut, NOTHING_LEFT } from "./carry-out.ts";
import { callerOf, found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Cleared is as a new cluster is. */
const MASKABLE: Maskable<typeof UpdateClusterRequestSchema> = {
  cleared: {
    description: "",
    policy: { profile: "default" },
    autoMigrate: true,
    allowOtherClusters: false,
    survival: true,
    migrationLimits: DEFAULT_LIMITS,
    nPlusOne: NPlusOnePolicy.WARN,
    placement: PlacementStrategy.SPREAD,
    floatingImages: false,
  },
  needed: [],
  changes: [],
};

/** Clusters; see the proto. */
export function clusterService(plane: PlaneContext): ServiceImpl<typeof ClusterService> {
  const stored = (id: string) =>
    read(plane, async (snapshot) =>
      clusterView(present(await clusterById(snapshot, id), id), plane.status.groupOf(id)),
    );
  // An etag is only told of what is: nothing could be done with one that is foretold.
  const foretold = (fleet: FleetView, id: string) => {
    const view = clusterView(present(foretoldCluster(fleet, id), id), plane.status.groupOf(id, fleet));
    return { ...view, etag: "" };
  };
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

    getCluster: async (request) => ({ cluster: await stored(await idOf(request.id)) }),

    async createCluster(request, context) {
      const { name, allowOtherClusters, description } = request;
      const change = { ...changeOf(request), allowOtherClusters, description };
      const { seen } = await carryOut(
        plane,
        request,
        ({ clusters }) => clusters.createCluster(name, change, requestedBy(context)),
        {
          stored: ({ clusterId }) => stored(clusterId),
          // It has no id before it is made.
          foretold: (fleet) => ({ ...foretold(fleet, idIn(fleet, name)), id: "" }),
        },
      );
      return { cluster: seen };
    },

    async updateCluster(given, context) {
      const request = unmasked(UpdateClusterRequestSchema, given, MASKABLE);
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
      const { seen } = await carryOut(
        plane,
        request,
        ({ clusters }) => clusters.updateCluster(id, change, requestedBy(context), request.etag),
        { stored: () => stored(id), foretold: (fleet) => foretold(fleet, id) },
      );
      return { cluster: seen };
    },

    async deleteCluster(request, context) {
      const id = await idOf(request.id);
      await carryOut(
        plane,
        request,
        ({ clusters }) => clusters.deleteCluster(id, requestedBy(context), request.etag),
        NOTHING_LEFT,
      );
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
      return { cluster: await stored(id) };
    },

    listProfiles: () => ({ profiles: profileViews() }),
  };
}

const present = (reading: ClusterReading | null, id: string): ClusterReading =>
  found(reading, () => new Error(`cluster ${id} vanished`));

function idIn(fleet: FleetView, name: string): string {
  for (const cluster of fleet.clusters()) if (cluster.name === name) return cluster.id;
  return "";
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
