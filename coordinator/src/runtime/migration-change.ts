import type { ContainerEffect } from "../domain/container/container-effects.ts";
import type { PlacementDecision } from "../domain/placement/placement-decision.ts";
import type { MigrationChange } from "./decision-store.ts";
import { migrationId } from "./deterministic-id.ts";
import type { ContainerRecord } from "./fleet-view.ts";

type MigrationEffect = Extract<ContainerEffect, { kind: "migrationBegun" | "migrationStep" | "migrationEnded" }>;

/** What the record of a container's migrations gets of an effect of its actor; `requestId`: what the effect follows from. */
export function migrationChange(
  { facts }: ContainerRecord,
  effect: MigrationEffect,
  requestId: string,
): MigrationChange {
  const id = migrationId(facts.id, effect.ordinal);
  switch (effect.kind) {
    case "migrationBegun": {
      const { sourceNodeId, trigger } = effect;
      const { id: containerId, name: containerName } = facts;
      return { kind: "begun", id, containerId, containerName, sourceNodeId, trigger, requestId };
    }
    case "migrationStep":
      return { kind: "step", id, name: effect.name, detail: effect.detail };
    case "migrationEnded": {
      const { outcome, downtimeMs, errorCode, errorMessage } = effect;
      return { kind: "ended", id, outcome, downtimeMs, errorCode, errorMessage };
    }
    default:
      return effect satisfies never;
  }
}

/** Why a migration ended in the decision that these are of; empty when it did not. */
export function failureOf(changes: readonly MigrationChange[]): string {
  const ended = changes.findLast((change) => change.kind === "ended");
  return ended?.kind === "ended" ? ended.errorMessage : "";
}

/** How it was placed in that decision; null when it was not. */
export function placementOf(changes: readonly MigrationChange[]): PlacementDecision | null {
  const decided = changes.findLast((change) => change.kind === "decided");
  return decided?.kind === "decided" ? decided.decision : null;
}
