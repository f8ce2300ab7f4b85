import { LEASE_PROFILES, waitMs } from "@lormas/lease/lease-policy.ts";
import type { Lab } from "../lab.ts";

/** Whether the group has exactly so many voters, and each has held its lease for the whole of W: before, no death can be proven. */
export async function votersHold(lab: Lab, count: number): Promise<boolean> {
  const { cluster } = await lab.api().clusters.getCluster({ id: "local" });
  const voters = cluster?.group?.voters ?? [];
  const wMs = waitMs(LEASE_PROFILES[lab.record.profile]);
  return voters.length === count && voters.every(({ heldMs }) => Number(heldMs) >= wMs);
}
