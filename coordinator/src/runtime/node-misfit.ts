import { demandsOf } from "../domain/container/container-context.ts";
import { unmetDemand } from "../domain/placement/node-demands.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";

// Demands are asked when a node is chosen. A copy that has its node stays there whatever becomes of labels and demands: what is
// told people is that it would not be placed there again.

/** Why the node that a container is placed on would not be chosen for it now; null where it would, or it is on none. */
export function misfitOf(fleet: FleetView, { snapshot }: ContainerRecord): string | null {
  const { context } = snapshot;
  const node = fleet.node(context.placement?.nodeId ?? "");
  return node ? (unmetDemand(demandsOf(context), node.facts)?.[1] ?? null) : null;
}

/** What to tell whoever has changed a container's demands; none where its node meets them, or did not before either. */
export function misfitNotes(was: FleetView, fleet: FleetView, containerId: string): string[] {
  const [before, after] = [was.container(containerId), fleet.container(containerId)];
  const misfit = after ? misfitOf(fleet, after) : null;
  if (!after || misfit === null || (before && misfitOf(was, before) === misfit)) return [];
  const { name } = after.facts;
  const node = fleet.node(after.snapshot.context.placement?.nodeId ?? "")?.facts.name ?? "";
  const next = after.snapshot.context.ha ? `lormas container migrate ${name}` : "a standard container is never moved";
  return [`${name} stays on ${node}, where it would not be placed now: ${misfit} (${next})`];
}

/** The same for a node whose labels have changed: how many containers on it, and not which, which not everybody may see. */
export function misfitsOnNode(was: FleetView, fleet: FleetView, nodeId: string): string[] {
  let count = 0;
  for (const id of fleet.room(nodeId).holders.keys()) {
    const [before, after] = [was.container(id), fleet.container(id)];
    if (!after || after.snapshot.context.placement?.nodeId !== nodeId || misfitOf(fleet, after) === null) continue;
    if (!before || misfitOf(was, before) === null) count += 1;
  }
  if (count === 0) return [];
  const name = fleet.node(nodeId)?.facts.name ?? "";
  const they = count === 1 ? "1 container stays" : `${count} containers stay`;
  return [`${they} on ${name} that would not be placed there now; lormas container ls --node ${name} says which`];
}
