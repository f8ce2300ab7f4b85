import { Refusal } from "../../domain/refusal.ts";
import { inCluster, permitAt, THE_FLEET } from "../../permissions/grant.ts";
import { type Located, locate } from "../../store/read-model/located.ts";
import type { Caller } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { mustSee } from "../sight.ts";
import { oneLook, type PlaneContext } from "./plane-context.ts";

/** A migration as a request wishes it. */
type Asked = { readonly id: string; readonly targetNode: string; readonly force: boolean };

/** Which container goes where; null: wherever placement chooses. */
export type MigrationWish = { readonly containerId: string; readonly targetId: string | null };

/**
 * What a migration is asked for. Going to a node asks for migration:manage in its cluster, too: a node that is named is looked at
 * here. Refusals: not_found, unknown_node, permission_denied.
 */
export async function namedMigration(plane: PlaneContext, asked: Asked, caller: Caller): Promise<MigrationWish> {
  const em = oneLook(plane);
  const { id: containerId } = await mustSee(em, caller, "container", asked.id, "id");
  if (asked.targetNode === "") return { containerId, targetId: null };
  const target = await mustSee(em, caller, "node", asked.targetNode, "target_node", "unknown");
  demandTarget(caller, target);
  return { containerId, targetId: target.id };
}

/**
 * The same for one that is about to begin. Who may migrate in some clusters alone and names no node gets the one that placement would
 * choose now, and no other, if he may migrate there. Refusals: those above, and no_target.
 */
export async function settledMigration(plane: PlaneContext, asked: Asked, caller: Caller): Promise<MigrationWish> {
  const { containerId, targetId } = await namedMigration(plane, asked, caller);
  if (targetId !== null || permitAt(caller.grants, "migration:manage", THE_FLEET) !== null)
    return { containerId, targetId };
  const { force } = asked;
  const { targetNodeId, decision } = await plane.operations.previewMigration(containerId, null, { force });
  if (targetNodeId === null) {
    throw new Refusal("no_target", `no node can take it: ${decision.summary}`, "free or add a node", {
      retryAfterMs: 5_000,
    });
  }
  const chosen = await locate(oneLook(plane), "node", targetNodeId);
  if (chosen !== null) demandTarget(caller, chosen);
  return { containerId, targetId: targetNodeId };
}

function demandTarget(caller: Caller, { name, place }: Located): void {
  const [clusterId = ""] = place.clusterIds;
  demand(caller, "migration:manage", { place: inCluster(clusterId), what: `node ${name}, where it would go` });
}
