import type { NodeLabels } from "../domain/node/node-labels.ts";
import type { ContainerRecord, NodeRecord } from "./fleet-view.ts";

/** True when nothing that decides on placement, or on what a death would mean, is different. */
export function sameNodeForPlacement(before: NodeRecord | undefined, after: NodeRecord): boolean {
  if (!before || (before.snapshot.value === "healthy") !== (after.snapshot.value === "healthy")) return false;
  const [a, b] = [before.facts, after.facts];
  return (
    a === b ||
    (a.name === b.name &&
      a.clusterId === b.clusterId &&
      a.priority === b.priority &&
      a.schedulable === b.schedulable &&
      (a.revokedAtMs === null) === (b.revokedAtMs === null) &&
      a.guarded === b.guarded &&
      a.runtimeReady === b.runtimeReady &&
      a.clockSound === b.clockSound &&
      a.runtime === b.runtime &&
      a.architecture === b.architecture &&
      sameLabels(a.labels, b.labels) &&
      a.portPoolMin === b.portPoolMin &&
      a.portPoolMax === b.portPoolMax &&
      a.capacity.cpuMillis === b.capacity.cpuMillis &&
      a.capacity.memoryBytes === b.capacity.memoryBytes &&
      a.capacity.diskBytes === b.capacity.diskBytes)
  );
}

/** The same of a container; what is merely another copy of an equal list counts as different. */
export function sameContainerForPlacement(before: ContainerRecord | undefined, after: ContainerRecord | null): boolean {
  if (!before || !after) return !before && !after;
  const [a, b] = [before.snapshot.context, after.snapshot.context];
  return (
    a === b ||
    (a.name === b.name &&
      a.ha === b.ha &&
      a.desired === b.desired &&
      a.priority === b.priority &&
      a.placement?.nodeId === b.placement?.nodeId &&
      a.move?.sourceNodeId === b.move?.sourceNodeId &&
      a.move?.targetNodeId === b.move?.targetNodeId &&
      a.preferredClusterId === b.preferredClusterId &&
      a.startBudgetMs === b.startBudgetMs &&
      a.localData === b.localData &&
      a.allowDataLoss === b.allowDataLoss &&
      a.resources === b.resources &&
      a.ports === b.ports &&
      a.runtimes === b.runtimes &&
      a.terminal === b.terminal &&
      a.demands === b.demands)
  );
}

function sameLabels(a: NodeLabels, b: NodeLabels): boolean {
  const keys = Object.keys(a);
  return a === b || (keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]));
}
