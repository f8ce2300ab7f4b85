import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ClusterSchema,
  type HeartbeatProfileSchema,
  NPlusOnePolicy,
  PlacementStrategy,
  VoterState,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { completePolicy, DEFAULT_START_BUDGET_MS, LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { VOTERS_MIN } from "@lormas/lease/membership.ts";
import type { NPlusOnePolicy as Policy } from "../../domain/placement/n-plus-one.ts";
import type { PlacementStrategy as Strategy } from "../../domain/placement/placement-strategy.ts";
import type { GroupReading, VoterReading } from "../../runtime/cluster-wishes.ts";
import { clusterEtag } from "../../runtime/etag.ts";
import type { ClusterReading } from "../../store/read-model/cluster-readings.ts";
import { failoverBoundView, heartbeatPolicyView } from "./failover-bound-view.ts";

const VOTER_STATE: Readonly<Record<VoterReading["state"], VoterState>> = {
  holds_lease: VoterState.HOLDS_LEASE,
  not_heard: VoterState.NOT_CONFIRMED,
  silent: VoterState.SILENT,
  dead: VoterState.DEAD,
};

const N_PLUS_ONE = { off: NPlusOnePolicy.OFF, warn: NPlusOnePolicy.WARN, refuse: NPlusOnePolicy.REFUSE } as const;

const PLACEMENT = { spread: PlacementStrategy.SPREAD, binpack: PlacementStrategy.BINPACK } as const;

/** A cluster as the API shows it, with its bound for an egg of the default start budget. */
export function clusterView(
  reading: ClusterReading,
  group: GroupReading | null,
): MessageInitShape<typeof ClusterSchema> {
  const { row } = reading;
  const policy = completePolicy(row.policy);
  const { migrationsAtOnce, migrationsPerTarget, failoversPerTarget } = row;
  const limits = { migrationsAtOnce, migrationsPerTarget, failoversPerTarget };
  const bound = failoverBoundView({
    group: group ? { policy: group.policy, voterCount: group.voters.length } : reading.groupInForce,
    autoMigrate: row.autoMigrate,
    startBudgetMs: DEFAULT_START_BUDGET_MS,
  });
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    heartbeatPolicy: heartbeatPolicyView(policy),
    autoMigrate: row.autoMigrate,
    allowOtherClusters: row.allowOtherClusters,
    nPlusOne: N_PLUS_ONE[row.nPlusOne as Policy],
    placement: PLACEMENT[row.placement as Strategy],
    floatingImages: row.floatingImages,
    nodeCount: reading.nodeCount,
    healthyNodeCount: reading.healthyNodeCount,
    failoverBoundMs: bound.totalMs ?? 0,
    failoverBound: bound,
    ...(group ? { group: groupView(group) } : {}),
    ...(group?.suspension ? { suspension: suspensionView(group.suspension) } : {}),
    migrationLimits: limits,
    etag: clusterEtag({ ...row, policy, limits }),
  };
}

function groupView(group: GroupReading): NonNullable<MessageInitShape<typeof ClusterSchema>["group"]> {
  return {
    epoch: BigInt(group.epoch),
    voters: group.voters.map(({ nodeId, nodeName, peerAddress, state, heldMs, confirmedEpoch }) => ({
      nodeId,
      nodeName,
      peerAddress,
      state: VOTER_STATE[state],
      heldMs: BigInt(heldMs ?? 0),
      confirmedEpoch: BigInt(confirmedEpoch ?? 0),
    })),
    survival: group.policy.survival,
    selfFencing: group.policy.selfFencing,
    epochsKept: group.epochsKept,
    policy: heartbeatPolicyView(group.policy),
  };
}

function suspensionView({ sinceMs, silent, missing, message, nextStep }: NonNullable<GroupReading["suspension"]>) {
  return {
    since: timestampFromMs(sinceMs),
    silentNodes: [...silent],
    missingVoters: [...missing],
    explanation: message,
    nextStep,
  };
}

const FITS: Readonly<Record<keyof typeof LEASE_PROFILES, string>> = {
  lan: "one quiet network segment with hosts that are never busy",
  fast: "one site with a good network",
  default: "one site, hosts under load",
  large: "many nodes, or hosts that stall for seconds",
  patient: "bad networks, long distances; death is shown late and moved late",
};

/** The profiles that ship, fastest first. */
export function profileViews(): MessageInitShape<typeof HeartbeatProfileSchema>[] {
  return Object.entries(LEASE_PROFILES).map(([name, policy]) => ({
    policy: heartbeatPolicyView(policy),
    bound: failoverBoundView({
      group: { policy, voterCount: VOTERS_MIN },
      autoMigrate: true,
      startBudgetMs: DEFAULT_START_BUDGET_MS,
    }),
    description: FITS[name as keyof typeof LEASE_PROFILES],
  }));
}
