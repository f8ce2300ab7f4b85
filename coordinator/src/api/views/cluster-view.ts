import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ClusterSchema, NPlusOnePolicy } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { DECISION_BUDGET_MS, DEFAULT_START_BUDGET_MS, failoverBound, waitMs } from "@lormas/lease/lease-policy.ts";
import type { NPlusOnePolicy as Policy } from "../../domain/placement/n-plus-one.ts";
import type { ClusterReading } from "../../store/read-model/cluster-readings.ts";

const N_PLUS_ONE = { off: NPlusOnePolicy.OFF, warn: NPlusOnePolicy.WARN, refuse: NPlusOnePolicy.REFUSE } as const;

/** A cluster as the API shows it, with its bound for an egg of the default start budget. */
export function clusterView(reading: ClusterReading): MessageInitShape<typeof ClusterSchema> {
  const { row } = reading;
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    heartbeatPolicy: {
      profile: row.policy.profile,
      intervalMs: row.policy.intervalMs,
      leaseMs: row.policy.leaseMs,
      killMs: row.policy.killMs,
      waitMs: waitMs(row.policy),
      decisionBudgetMs: DECISION_BUDGET_MS,
    },
    autoMigrate: row.autoMigrate,
    allowOtherClusters: row.allowOtherClusters,
    nPlusOne: N_PLUS_ONE[row.nPlusOne as Policy],
    nodeCount: reading.nodeCount,
    healthyNodeCount: reading.healthyNodeCount,
    failoverBoundMs: failoverBound(row.policy, DEFAULT_START_BUDGET_MS).totalMs,
  };
}
