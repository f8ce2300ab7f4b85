import { lifeState, migrationState, migrationStatus } from "../domain/container/container-status.ts";
import { Refusal } from "../domain/refusal.ts";
import { migrationId } from "./deterministic-id.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";

// What stands in the way of people's wishes for a container, said in the same words wherever they are asked.

/** The states of its life in which a container may be moved; from any other it gets to one of these by itself. */
const MOVABLE: readonly string[] = ["running", "unknown", "lost", "stranded", "backoff", "failed"];

/** Refusals: not_found. */
export function existingContainer(fleet: FleetView, containerId: string): ContainerRecord {
  const container = fleet.container(containerId);
  if (container) return container;
  throw new Refusal("not_found", `there is no container ${containerId}`, "list the containers to see which there are", {
    field: "id",
  });
}

/** Until the container is committed to its target the way back is open. */
export function isCancellable({ snapshot }: ContainerRecord): boolean {
  return !["", "committing", "cleaning_up"].includes(migrationState(snapshot));
}

/** Refusals: migration_in_progress. */
export function refuseWhileMoving(container: ContainerRecord): void {
  if (migrationStatus(container.snapshot) !== "migrating") return;
  const id = migrationId(container.facts.id, container.snapshot.context.lastMove);
  const state = migrationState(container.snapshot);
  throw new Refusal(
    "migration_in_progress",
    `${container.facts.name} is being moved by migration ${id} (${state})`,
    isCancellable(container) && !container.snapshot.context.move?.cancelled
      ? `wait until the migration has ended, or cancel it: lormas migration cancel ${id}`
      : "wait until the migration has ended; it cannot be cancelled any more",
    { retryAfterMs: 2_000 },
  );
}

/** Refusals: being_removed. */
export function refuseWhileRemoved(container: ContainerRecord): void {
  const state = lifeState(container.snapshot);
  if (state !== "removing" && state !== "gone") return;
  throw new Refusal("being_removed", `${container.facts.name} is being removed`, "create another container");
}

/** Refusals: suspended. */
export function refuseWhileSuspended({ facts, snapshot }: ContainerRecord): void {
  const { suspension } = snapshot.context;
  if (!suspension) return;
  throw new Refusal(
    "suspended",
    `${facts.name} is suspended by ${suspension.by}: ${suspension.reason}`,
    `ask whoever runs the fleet; who may lifts it with: lormas container unsuspend ${facts.name}`,
  );
}

/** It would be started where it is placed, and its node hears nothing more. Refusals: busy. */
export function refuseOnRevokedNode(fleet: FleetView, { facts, snapshot }: ContainerRecord): void {
  const node = fleet.node(snapshot.context.placement?.nodeId ?? "");
  if (!node || node.facts.revokedAtMs === null || node.snapshot.value === "dead") return;
  throw new Refusal(
    "busy",
    `${facts.name} is placed on ${node.facts.name}, which was revoked`,
    "try again once that node is dead",
    { retryAfterMs: 5_000 },
  );
}

/** A container that is neither being removed nor moved. Refusals: not_found, being_removed, migration_in_progress. */
export function settledContainer(fleet: FleetView, containerId: string): ContainerRecord {
  const container = existingContainer(fleet, containerId);
  refuseWhileRemoved(container);
  refuseWhileMoving(container);
  return container;
}

/** One on which something may be started as well. Refusals: those of settledContainer, suspended, busy. */
export function startableContainer(fleet: FleetView, containerId: string): ContainerRecord {
  const container = settledContainer(fleet, containerId);
  refuseWhileSuspended(container);
  refuseOnRevokedNode(fleet, container);
  return container;
}

/** No copy of it runs, nor is one on its way. Refusals: not_stopped. */
export function refuseUnlessAtRest({ facts, snapshot }: ContainerRecord): void {
  const state = lifeState(snapshot);
  if (state !== "stopped" && state !== "unplaced") {
    throw new Refusal(
      "not_stopped",
      `${facts.name} is not stopped (${state}): its type, resources and environment hold for the copy that runs`,
      `stop it first: lormas container stop ${facts.name} --wait`,
    );
  }
  if (!snapshot.context.placement?.nodeDead) return;
  throw new Refusal(
    "not_stopped",
    `the node of ${facts.name} is dead: a copy that nobody reaches may run there`,
    "wait until the node is back; to get rid of it, delete the container",
  );
}

/** Its script can be run once more. Refusals: no_install_script, not_stopped, no_target. */
export function refuseReinstall({ facts, snapshot }: ContainerRecord): void {
  const { name, spec } = facts;
  if (!spec.equipment?.install) {
    throw new Refusal(
      "no_install_script",
      `${name} was made of an egg without an install script`,
      "put its files into its volume yourself",
      { field: "id" },
    );
  }
  const state = lifeState(snapshot);
  const { placement } = snapshot.context;
  if (state === "unplaced" || (state === "stopped" && placement === null)) {
    const nextStep = `start it, which runs the script on an empty volume: lormas container start ${name}`;
    throw new Refusal("no_target", `${name} is on no node, so there is no volume to install on`, nextStep);
  }
  if (state !== "stopped" || placement?.nodeDead) {
    const reason = placement?.nodeDead
      ? "its node is dead"
      : state === "installing"
        ? "its script runs already"
        : state;
    throw new Refusal(
      "not_stopped",
      `${name} is not stopped (${reason}), and its install script runs only while nothing else of it does`,
      placement?.nodeDead ? "wait until the node is back" : `stop it first: lormas container stop ${name} --wait`,
    );
  }
}

/** The container, which may be moved, to that node or (null) to any. Refusals: those of Operations.migrate, but for no_target. */
export function movableContainer(fleet: FleetView, containerId: string, targetNodeId: string | null): ContainerRecord {
  const container = settledContainer(fleet, containerId);
  const { context } = container.snapshot;
  const { name } = container.facts;
  if (!context.ha) {
    throw new Refusal(
      "not_ha",
      `${name} is a standard container and is never moved`,
      `make it one: lormas container update ${name} --type ha`,
    );
  }
  const state = lifeState(container.snapshot);
  if (!MOVABLE.includes(state)) {
    throw new Refusal("not_running", `${name} does not run (${state}), there is nothing to move`, "start it first");
  }
  if (context.localData && !context.allowDataLoss) {
    throw new Refusal(
      "data_stays_behind",
      `${name} has data on a local volume, which would stay behind`,
      `use shared volumes, or allow the loss: lormas container update ${name} --data-loss allow`,
    );
  }
  if (targetNodeId !== null) refuseTarget(fleet, container, targetNodeId);
  return container;
}

function refuseTarget(fleet: FleetView, container: ContainerRecord, targetNodeId: string): void {
  const target = fleet.node(targetNodeId);
  if (!target) {
    throw new Refusal("unknown_node", `there is no node ${targetNodeId}`, "list the nodes to see which there are", {
      field: "target_node",
    });
  }
  if (container.snapshot.context.placement?.nodeId !== targetNodeId) return;
  throw new Refusal("same_node", `${container.facts.name} is on ${target.facts.name} already`, "name another node", {
    field: "target_node",
  });
}
