import { lifeState, migrationState } from "../domain/container/container-status.ts";
import { targetRequest } from "../domain/migration/migration-actions.ts";
import type { PlacementDecision } from "../domain/placement/placement-decision.ts";
import type { Resources } from "../domain/resources.ts";
import { movableContainer } from "./container-refusals.ts";
import type { ContainerRecord } from "./fleet-view.ts";
import { placementOf } from "./migration-change.ts";
import { placeContainer } from "./place-container.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** What a wished migration would do, on the fleet as it is at that moment. */
export type MigrationPreview = {
  readonly sourceNodeId: string;
  readonly sourceNodeName: string;
  /** Null: no node can take it. */
  readonly targetNodeId: string | null;
  readonly targetNodeName: string;
  readonly decision: PlacementDecision;
  /** What it would wait for in the queue; empty: it begins at once. */
  readonly waitsFor: string;
  /** Milliseconds without service at most, when nothing fails. */
  readonly downtime: readonly { readonly name: "stop" | "start"; readonly ms: number }[];
  readonly resources: Resources;
  /** What is lost by it, for people. */
  readonly warnings: readonly string[];
};

/** For a unit of work that is dropped: the migration begins in it. Refusals: those of Operations.migrate, but for no_target. */
export function migrationPreview(
  work: UnitOfWork,
  containerId: string,
  targetNodeId: string | null,
  force: boolean,
): MigrationPreview {
  const container = movableContainer(work, containerId, targetNodeId);
  const { context } = container.snapshot;
  const sourceNodeId = context.placement?.nodeId ?? "";
  work.tellMigrate(containerId, "manual", targetNodeId, force);
  const after = work.container(containerId)?.snapshot;
  const state = after ? migrationState(after) : "";
  // What is queued has no place yet: the best one as it is now.
  const wish = { requestedNodeId: targetNodeId, sourceNodeId, excludedNodeIds: [] };
  const decision =
    placementOf(work.lastMove(containerId)) ??
    placeContainer(work, container, targetRequest(context, wish, [])).decision;
  const nameOf = (nodeId: string): string => work.node(nodeId)?.facts.name ?? "";
  const source = nameOf(sourceNodeId);
  const start = { name: "start", ms: context.startBudgetMs } as const;
  return {
    sourceNodeId,
    sourceNodeName: source,
    targetNodeId: decision.chosenNodeId,
    targetNodeName: nameOf(decision.chosenNodeId ?? ""),
    decision,
    waitsFor: waitsFor(state, after?.context.move?.heldFor ?? "", source),
    downtime: serves(container) ? [{ name: "stop", ms: context.stopGraceMs }, start] : [start],
    resources: context.resources,
    warnings: warnings(container, source),
  };
}

function waitsFor(state: string, heldFor: string, source: string): string {
  if (state === "queued") return heldFor || "its turn in the queue";
  return state === "fencing" ? `${source} does not answer: it must be heard, or be known to run nothing any more` : "";
}

/** As far as is known: a copy on a node that does not answer may. */
const serves = ({ snapshot }: ContainerRecord): boolean => ["running", "unknown"].includes(lifeState(snapshot));

function warnings(container: ContainerRecord, source: string): string[] {
  const { facts, snapshot } = container;
  const down = serves(container) ? [] : [`${facts.name} does not serve now: preparing the target comes on top`];
  if (!snapshot.context.localData) return down;
  const paths = facts.spec.volumes.filter(({ kind }) => kind === "local").map(({ path }) => path);
  return [...down, `the data in ${paths.join(", ")} stays on ${source}: ${facts.name} starts with empty volumes`];
}
