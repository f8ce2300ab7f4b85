import type { Resources } from "../resources.ts";
import { plus } from "../resources.ts";
import {
  type CandidateNode,
  chooseNode,
  mayTake,
  type PlacementRequest,
  portKey,
  SUMMARY_NODES_MAX,
  scoreOf,
} from "./choose-node.ts";
import type { PlacementTrial } from "./placement-trial.ts";

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

/** One container's place, or that there is none, with what it was chosen over. */
export type Choice = {
  readonly request: PlacementRequest;
  readonly onItsWayTo: string | null;
  readonly nodeId: string | null;
  readonly nodeName: string;
  readonly score: number;
};

/** What a node's death would mean. */
export type NodeDeath = {
  readonly containers: readonly WhatIfContainer[];
  /** Of those that are held by nothing, in order. */
  readonly choices: readonly Choice[];
};

/** Blockers that are explained node by node; of more it is only said that nobody can take them. */
const EXPLAINED_MAX = 20;

/**
 * What would become of a node's HA containers if it died now: the choices that its failover would make, one after the other
 * in the order of `demands`, each on the room that those before have left. `left` are the nodes without it, and in the end the
 * same with what has gone there. Stops after each container, so that whoever has something else to do may do it.
 */
export function* nodeDeath(
  demands: readonly FailoverDemand[],
  left: PlacementTrial,
  explain: boolean,
): Generator<void, NodeDeath, void> {
  const containers: WhatIfContainer[] = [];
  const choices: Choice[] = [];
  let explained = 0;
  for (const demand of demands) {
    const { containerId, containerName, startBudgetMs, held } = demand;
    const base = { containerId, containerName, startBudgetMs };
    if (held) {
      containers.push({ ...base, targetNodeId: null, targetNodeName: "", blocker: held });
    } else {
      const choice = choose(demand, left);
      const { nodeId, nodeName } = choice;
      choices.push(choice);
      const why = nodeId === null && explain && explained++ < EXPLAINED_MAX ? whyNobody(demand.request, left) : "";
      const message = why || `no other node can take ${containerName}`;
      const blocker = nodeId === null ? ({ code: "no_target", message } as const) : null;
      containers.push({ ...base, targetNodeId: nodeId, targetNodeName: nodeName, blocker });
    }
    yield;
  }
  return { containers, choices };
}

/** The same at once. */
export function whatIfNodeDies(
  demands: readonly FailoverDemand[],
  left: PlacementTrial,
  explain: boolean,
): readonly WhatIfContainer[] {
  const death = nodeDeath(demands, left, explain);
  for (;;) {
    const { done, value } = death.next();
    if (done) return value.containers;
  }
}

/**
 * True when a death for which these choices were made would mean the same although these nodes are different now, or gone: none
 * of them was chosen, and none would be preferred to what was. Neither the node that dies nor its containers may have changed.
 */
export function meansTheSame(
  choices: readonly Choice[],
  changed: ReadonlyMap<string, CandidateNode | undefined>,
): boolean {
  for (const choice of choices) {
    for (const [id, node] of changed) {
      if (choice.nodeId === id || choice.onItsWayTo === id) return false;
      if (node && mightBePreferred(node, choice)) return false;
    }
  }
  return true;
}

// Whether it has the ports is not asked: what is computed anew in vain is not wrong.
function mightBePreferred(node: CandidateNode, { request, nodeId, nodeName, score }: Choice): boolean {
  if (!mayTake(request, node)) return false;
  if (nodeId === null) return true;
  const its = scoreOf(request, node);
  return its > score || (its === score && node.name < nodeName);
}

/** Makes a choice, and lets the container have its room there. */
function choose({ request, onItsWayTo }: FailoverDemand, left: PlacementTrial): Choice {
  const none = { request, onItsWayTo, nodeId: null, nodeName: "", score: 0 };
  const way = onItsWayTo === null ? undefined : left.node(onItsWayTo);
  if (way) return { ...none, nodeId: way.id, nodeName: way.name, score: Number.POSITIVE_INFINITY };
  const best = left.best(request);
  if (!best) return none;
  const { node, ports, score } = best;
  const keys = ports.map((port) => portKey(port.protocol, port.hostPort));
  left.set(withGuest(node, request.resources, keys));
  return { ...none, nodeId: node.id, nodeName: node.name, score };
}

/** What `chooseNode` says of all of them: of more than so many it says only that there are more. */
function whyNobody(request: PlacementRequest, left: PlacementTrial): string {
  return chooseNode(request, left.firstByName(SUMMARY_NODES_MAX + 1)).decision.summary;
}

function withGuest(node: CandidateNode, resources: Resources, ports: readonly string[]): CandidateNode {
  return {
    ...node,
    allocated: plus(node.allocated, resources),
    takenPorts: ports.length === 0 ? node.takenPorts : new Set([...node.takenPorts.keys(), ...ports]),
  };
}

/** N+1 is about room: what is held by its data or by policy would not move with all the room in the world. */
export function withoutPlace(containers: readonly WhatIfContainer[]): WhatIfContainer[] {
  return containers.filter(({ blocker }) => blocker?.code === "no_target");
}
