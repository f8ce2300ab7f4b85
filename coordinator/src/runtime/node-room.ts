import { portKey } from "../domain/placement/choose-node.ts";
import { NO_RESOURCES, plus } from "../domain/resources.ts";
import type { Holding, NodeRoom } from "./fleet-view.ts";

export const EMPTY_ROOM: NodeRoom = { holders: new Map(), allocated: NO_RESOURCES, ports: new Map() };

/** The room of a node after a container took, changed or (null) gave back its share. */
export function withHolding(room: NodeRoom, containerId: string, holding: Holding | null): NodeRoom {
  const holders = new Map(room.holders);
  if (holding) holders.set(containerId, holding);
  else holders.delete(containerId);
  return roomOf(holders);
}

/** The room of a node on which these hold their shares. */
export function roomOf(holders: ReadonlyMap<string, Holding>): NodeRoom {
  let allocated = NO_RESOURCES;
  const ports = new Map<string, string>();
  for (const [holder, held] of holders) {
    allocated = plus(allocated, held.resources);
    for (const port of held.ports) ports.set(portKey(port.protocol, port.hostPort), holder);
  }
  return { holders, allocated, ports };
}
