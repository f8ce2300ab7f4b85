import { NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import type { Lab } from "../lab.ts";

/**
 * Whether the group has exactly so many voters, none of them is missing, and each has held its lease for the whole of W: before,
 * no death can be proven.
 */
export async function votersHold(lab: Lab, count: number): Promise<boolean> {
  const { cluster } = await lab.api().clusters.getCluster({ id: "local" });
  const voters = cluster?.group?.voters ?? [];
  const wMs = waitMs(LEASE_PROFILES[lab.record.profile]);
  if (voters.length !== count || voters.some(({ heldMs }) => Number(heldMs) < wMs)) return false;
  // One that has just died votes until the group is changed.
  const { nodes } = await lab.api().nodes.listNodes({});
  const healthy = new Set(nodes.filter(({ status }) => status === NodeStatus.HEALTHY).map(({ id }) => id));
  return voters.every(({ nodeId }) => healthy.has(nodeId));
}
