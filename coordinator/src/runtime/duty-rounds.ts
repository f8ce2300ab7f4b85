import type { NodeRecord } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/**
 * The nodes whose drain or way back has to look again after a decision: it asked for it, room came, the node itself changed,
 * or one of the containers that concern it did.
 */
export function dutiesToLookAt(work: UnitOfWork, roomFreed: boolean, asked: ReadonlySet<string>): NodeRecord[] {
  const due: NodeRecord[] = [];
  const changed = work.changedContainerIds();
  const changedNodes = new Set(work.changedNodes().map(({ facts }) => facts.id));
  for (const nodeId of work.onDuty()) {
    const node = work.node(nodeId);
    if (!node || node.duty.value === "cordoned" || node.duty.value === "in_service") continue;
    const { context } = node.duty;
    const concerns = (id: string): boolean =>
      work.room(nodeId).holders.has(id) ||
      context.items.some((item) => item.containerId === id) ||
      (node.duty.value === "returning" && context.moved.some((moved) => moved.containerId === id));
    if (roomFreed || asked.has(nodeId) || changedNodes.has(nodeId) || changed.some(concerns)) due.push(node);
  }
  return due;
}
