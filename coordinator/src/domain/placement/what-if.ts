import type { Resources } from "../resources.ts";
import { plus } from "../resources.ts";
import { bestNode, type CandidateNode, chooseNode, type PlacementRequest, portKey } from "./choose-node.ts";

/** An HA container that a node's death would set moving. */
export type FailoverDemand = {
  readonly containerId: string;
  readonly containerName: string;
  readonly request: PlacementRequest;
  /** Milliseconds that its start may take. */
  readonly startBudgetMs: number;
  /** What keeps it from moving whatever room there is; null when nothing does. */
  readonly held: WhatIfBlocker | null;
  /** It is on its way to this node already, where its room is reserved. */
  readonly onItsWayTo: string | null;
};

export type WhatIfBlocker = {
  readonly code: "no_target" | "data_on_dead_node" | "automatic_migration_off";
  /** For people. */
  readonly message: string;
};

/** Where one container would go; either a target or a blocker. */
export type WhatIfContainer = {
  readonly containerId: string;
  readonly containerName: string;
  readonly targetNodeId: string | null;
  readonly targetNodeName: string;
  readonly startBudgetMs: number;
  readonly blocker: WhatIfBlocker | null;
};

/** Blockers that are explained node by node; of more it is only said that nobody can take them. */
const EXPLAINED_MAX = 20;

/**
 * What would become of a node's HA containers if it died now: the choices that its failover would make, one after the other
 * in the order of `demands`, each on the room that those before have left. `others` is the fleet without the node; `nodes`
 * are the same with what has gone there.
 */
export function whatIfNodeDies(
  demands: readonly FailoverDemand[],
  others: readonly CandidateNode[],
  explain: boolean,
): { readonly containers: readonly WhatIfContainer[]; readonly nodes: readonly CandidateNode[] } {
  const nodes = [...others];
  let explained = 0;
  const containers = demands.map((demand): WhatIfContainer => {
    const { containerId, containerName, startBudgetMs } = demand;
    const base = { containerId, containerName, startBudgetMs, targetNodeId: null, targetNodeName: "" };
    if (demand.held) return { ...base, blocker: demand.held };
    const way = nodes.find(({ id }) => id === demand.onItsWayTo);
    if (way) return { ...base, targetNodeId: way.id, targetNodeName: way.name, blocker: null };
    const best = bestNode(demand.request, nodes);
    if (!best) {
      const full = explain && explained++ < EXPLAINED_MAX ? chooseNode(demand.request, nodes).decision.summary : "";
      return { ...base, blocker: { code: "no_target", message: full || `no other node can take ${containerName}` } };
    }
    const { node, ports } = best;
    const keys = ports.map((port) => portKey(port.protocol, port.hostPort));
    nodes[nodes.indexOf(node)] = withGuest(node, demand.request.resources, keys);
    return { ...base, targetNodeId: node.id, targetNodeName: node.name, blocker: null };
  });
  return { containers, nodes };
}

function withGuest(node: CandidateNode, resources: Resources, ports: readonly string[]): CandidateNode {
  return {
    ...node,
    allocated: plus(node.allocated, resources),
    takenPorts: ports.length === 0 ? node.takenPorts : new Set([...node.takenPorts, ...ports]),
  };
}

/** N+1 is about room: what is held by its data or by policy would not move with all the room in the world. */
export function withoutPlace(containers: readonly WhatIfContainer[]): WhatIfContainer[] {
  return containers.filter(({ blocker }) => blocker?.code === "no_target");
}
