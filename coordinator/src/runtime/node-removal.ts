import { Refusal } from "../domain/refusal.ts";
import type { NodeRecord } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

const NAMED_MAX = 10;

/**
 * Takes a node out of the fleet for good. Only one whose session has ended, so that nothing of it can run any more (or one
 * that has never begun to serve), and that no container is placed on. Refusals: node_not_dead, node_holds_containers.
 */
export function removeNode(work: UnitOfWork, { facts, snapshot }: NodeRecord, by: string): void {
  const { id, name } = facts;
  refuseUnlessEmpty(work, { facts, snapshot }, "id", nextStep(work, facts));
  work.resolveAlertsOf(id);
  work.removeNode(id);
  work.addEvent({
    type: "node.removed",
    severity: "warning",
    message: `${name} was removed from the fleet by ${by}`,
    nodeId: id,
    containerId: null,
    migrationId: null,
    data: { by, name },
  });
}

/**
 * Nothing of the node runs, nor can, and no container is placed on it. `next` is what to do where it serves. Refusals: node_not_dead,
 * node_holds_containers.
 */
export function refuseUnlessEmpty(
  work: UnitOfWork,
  { facts, snapshot }: Pick<NodeRecord, "facts" | "snapshot">,
  field: string,
  next: string,
): void {
  const { id, name } = facts;
  if (snapshot.value !== "dead" && snapshot.value !== "pending") {
    throw new Refusal(
      "node_not_dead",
      `${name} is ${snapshot.value}: what it runs would go on without anybody to watch it`,
      next,
      { field },
    );
  }
  const held = [...work.room(id).holders.keys()].map((containerId) => work.container(containerId)?.facts.name);
  if (held.length > 0) {
    const named = held.slice(0, NAMED_MAX).join(", ");
    throw new Refusal(
      "node_holds_containers",
      `${name} holds ${held.length} ${held.length === 1 ? "container" : "containers"}: ${named}${held.length > NAMED_MAX ? ", …" : ""}`,
      "migrate or delete them; one that is stranded has its data there",
      { field },
    );
  }
}

function nextStep(work: UnitOfWork, { name, clusterId, revokedAtMs }: NodeRecord["facts"]): string {
  if (revokedAtMs === null) return "drain it and stop its agent, or revoke it, and remove it once it is dead";
  const cluster = work.cluster(clusterId)?.name ?? "CLUSTER";
  // One that is alone, or whose majority is missing, is never proven to be dead.
  return `remove it once it is dead; if its host is off for certain and nothing proves it: lormas cluster override ${cluster} --node ${name} --reason WHY`;
}
