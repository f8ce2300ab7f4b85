import { type WhatIfContainer, whatIfNodeDies, withoutPlace } from "../domain/placement/what-if.ts";
import { Refusal } from "../domain/refusal.ts";
import type { FleetView } from "./fleet-view.ts";
import { afterDrain, failoverDemands } from "./what-if-view.ts";

/**
 * Weighings that a decision may spend on N+1, so that it stays a matter of milliseconds. Larger fleets are judged on the nodes
 * that hold most; the what-if watch judges them all, a little later.
 */
export const ADMISSION_WEIGHINGS_MAX = 200_000;
/** Losses that are named in one answer. */
const NAMED_MAX = 5;

/** Containers without a place, by the node whose death would leave them so. */
export type Losses = ReadonlyMap<string, readonly WhatIfContainer[]>;

/** What is judged: on the fleet as it is once `emptied` has been, where that is given. */
export type Judged = {
  readonly emptied: string | null;
  /**
   * These nodes alone; or as many as the bound on work allows: those on which something else is held than `was` says, then
   * those that hold most.
   */
  readonly nodes: { readonly ids: Iterable<string> } | { readonly was: FleetView; readonly weighingsMax?: number };
};

/** Who would be without a place, for each node's death, on the fleet as `fleet` shows it; at least one node is judged. */
export function lossesOf(fleet: FleetView, { emptied, nodes }: Judged): Losses {
  const { left, guests } = emptied === null ? { left: fleet.trial(), guests: NO_GUESTS } : afterDrain(fleet, emptied);
  const losses = new Map<string, readonly WhatIfContainer[]>();
  const weighingsMax = "ids" in nodes ? Number.POSITIVE_INFINITY : (nodes.weighingsMax ?? ADMISSION_WEIGHINGS_MAX);
  const begun = left.weighings;
  for (const id of "ids" in nodes ? nodes.ids : inOrder(fleet, nodes.was, emptied, guests)) {
    const node = fleet.node(id);
    if (!node) continue;
    const others = left.fork();
    others.delete(id);
    const demands = [...failoverDemands(fleet, node), ...(guests.get(id) ?? [])];
    losses.set(id, withoutPlace(whatIfNodeDies(demands, others, false)));
    if (left.weighings - begun >= weighingsMax) break;
  }
  return losses;
}

const NO_GUESTS: ReturnType<typeof afterDrain>["guests"] = new Map();

/** Nodes that hold anything, of clusters that ask for N+1; those that are equal in the order in which the fleet has them. */
function inOrder(fleet: FleetView, was: FleetView, emptied: string | null, guests: typeof NO_GUESTS): string[] {
  const asks = new Map([...fleet.clusters()].map(({ id, nPlusOne }) => [id, nPlusOne !== "off"]));
  const judged: { readonly id: string; readonly changed: boolean; readonly holds: number }[] = [];
  for (const { facts } of fleet.nodes()) {
    const { id, clusterId } = facts;
    const room = fleet.room(id);
    const come = guests.get(id)?.length ?? 0;
    const holds = room.holders.size + come;
    if (holds === 0 || id === emptied || asks.get(clusterId) === false) continue;
    judged.push({ id, changed: come > 0 || room !== was.room(id), holds });
  }
  return judged.sort((a, b) => Number(b.changed) - Number(a.changed) || b.holds - a.holds).map(({ id }) => id);
}

/**
 * What a wish costs in N+1: `was` is the fleet before it, `fleet` as the wish would leave it. Answers warnings; throws the
 * refusal n_plus_one_lost when the policy of a cluster concerned says so. What was lost before is not held against it.
 */
export function admitNPlusOne(was: FleetView, fleet: FleetView, what: string, emptied: string | null = null): string[] {
  const after = lossesOf(fleet, { emptied, nodes: { was } });
  const lossy = [...after].filter(([, without]) => without.length > 0).map(([id]) => id);
  if (lossy.length === 0) return [];
  // The same nodes, however the wish changes which hold most: what was lost before must be known of each.
  const before = lossesOf(was, { emptied: null, nodes: { ids: lossy } });
  const warnings: string[] = [];
  for (const [nodeId, without] of after) {
    const known = new Set(before.get(nodeId)?.map(({ containerId }) => containerId));
    const lost = without.filter(({ containerId }) => !known.has(containerId));
    if (lost.length === 0) continue;
    const node = fleet.node(nodeId);
    const said = `if ${node?.facts.name ?? nodeId} dies, ${names(lost)} would be without a place`;
    const policy = node && fleet.cluster(node.facts.clusterId)?.nPlusOne;
    if (policy === "refuse") {
      throw new Refusal(
        "n_plus_one_lost",
        `after ${what} N+1 does not hold: ${said}`,
        "add or free room first, or let the cluster's N+1 policy warn: lormas cluster update NAME --n-plus-one warn",
        { retryAfterMs: 0 },
      );
    }
    if (warnings.length < NAMED_MAX) warnings.push(`N+1 does not hold: ${said}`);
  }
  return warnings;
}

function names(containers: readonly WhatIfContainer[]): string {
  const named = containers.slice(0, NAMED_MAX).map(({ containerName }) => containerName);
  const more = containers.length - named.length;
  return `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
