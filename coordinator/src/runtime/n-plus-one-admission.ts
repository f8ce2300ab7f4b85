import { type WhatIfContainer, whatIfNodeDies, withoutPlace } from "../domain/placement/what-if.ts";
import { Refusal } from "../domain/refusal.ts";
import type { FleetView } from "./fleet-view.ts";
import { afterDrain, allCandidates, failoverDemands } from "./what-if-view.ts";

/**
 * Weighings of one container against one node that a decision may spend on N+1, so that it stays a matter of milliseconds.
 * Larger fleets are judged on the nodes that hold most; the what-if watch judges them all, a little later.
 */
export const ADMISSION_WEIGHINGS_MAX = 50_000;
/** Losses that are named in one answer. */
const NAMED_MAX = 5;

/** Containers without a place, by the node whose death would leave them so. */
export type Losses = ReadonlyMap<string, readonly WhatIfContainer[]>;

/**
 * Who would be without a place, for each node's death, on the fleet as `fleet` shows it, or as it is once a node has been
 * emptied; nodes that hold most first, until the bound on work is reached.
 */
export function lossesOf(
  fleet: FleetView,
  emptied: string | null = null,
  weighingsMax = ADMISSION_WEIGHINGS_MAX,
): Losses {
  const { candidates, guests } = emptied === null ? asItIs(fleet) : afterDrain(fleet, emptied);
  const nodes = [...fleet.nodes()]
    .filter(({ facts }) => facts.id !== emptied && fleet.cluster(facts.clusterId)?.nPlusOne !== "off")
    .map((node) => {
      const { id } = node.facts;
      return { node, id, holds: fleet.room(id).holders.size + (guests.get(id)?.length ?? 0) };
    })
    .filter(({ holds }) => holds > 0)
    .sort((a, b) => b.holds - a.holds || (a.id < b.id ? -1 : 1));
  const losses = new Map<string, readonly WhatIfContainer[]>();
  let weighings = 0;
  for (const { node, id, holds } of nodes) {
    weighings += holds * candidates.length;
    if (weighings > weighingsMax && losses.size > 0) break;
    const demands = [...failoverDemands(fleet, node), ...(guests.get(id) ?? [])];
    const others = candidates.filter((candidate) => candidate.id !== id);
    losses.set(id, withoutPlace(whatIfNodeDies(demands, others, false).containers));
  }
  return losses;
}

const asItIs = (fleet: FleetView): ReturnType<typeof afterDrain> => ({
  candidates: allCandidates(fleet),
  guests: new Map(),
});

/**
 * What a wish costs in N+1: `was` is the fleet before it, `fleet` as the wish would leave it. Answers warnings; throws the
 * refusal n_plus_one_lost when the policy of a cluster concerned says so. What was lost before is not held against it.
 */
export function admitNPlusOne(was: FleetView, fleet: FleetView, what: string, emptied: string | null = null): string[] {
  const after = lossesOf(fleet, emptied);
  if ([...after.values()].every((without) => without.length === 0)) return [];
  const before = lossesOf(was);
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
        "add or free room first, or let the cluster's N+1 policy warn: lormas cluster set NAME --n-plus-one warn",
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
