import { NodeEntity, RemovedNodeEntity } from "../entities/fleet-entities.ts";
import { readRows } from "./read-rows.ts";
import { distinct, type Snapshot } from "./snapshot.ts";

/** What nodes are called, or were when they were removed; those that nobody knows any more are left out. */
export async function nodeNames(
  snapshot: Snapshot,
  nodeIds: Iterable<string | null | undefined>,
): Promise<ReadonlyMap<string, string>> {
  const ids = distinct(nodeIds);
  if (ids.length === 0) return new Map();
  const nodes = await readRows(snapshot, NodeEntity, { id: { $in: ids } }, { fields: ["id", "name"] });
  const nameOf = new Map(nodes.map((node) => [node.id, node.name]));
  const gone = ids.filter((id) => !nameOf.has(id));
  const removed = gone.length === 0 ? [] : await readRows(snapshot, RemovedNodeEntity, { id: { $in: gone } });
  for (const { id, name } of removed) nameOf.set(id, name);
  return nameOf;
}
