import { Refusal } from "../domain/refusal.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** Clusters in which a wish may take room; null: all. */
export type Within = ReadonlySet<string> | null;

/**
 * Refuses a wish that a container shall run where it would take room elsewhere than in these clusters, or none yet, which may come free
 * anywhere: `work` is the fleet as the wish would leave it, and is dropped. Where it is already, it stays.
 */
export function refuseOutside(work: UnitOfWork, containerId: string, within: Within): void {
  const context = work.container(containerId)?.snapshot.context;
  if (within === null || context === undefined || context.desired !== "running") return;
  const nodeId = context.placement?.nodeId ?? null;
  const before = work.before().container(containerId)?.snapshot.context.placement?.nodeId;
  if (nodeId !== null && nodeId === before) return;
  if (within.has(work.node(nodeId ?? "")?.facts.clusterId ?? "")) return;
  const names = [...within].map((id) => work.cluster(id)?.name ?? id).sort();
  throw new Refusal(
    "no_target",
    `no node of ${names.join(", ")} can take ${context.name} now, and no other cluster may be used for it`,
    "free room there, or add a node, or ask who may use other clusters",
    { retryAfterMs: 5_000 },
  );
}
