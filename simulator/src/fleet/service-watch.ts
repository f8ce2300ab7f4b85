import type { NodeHost } from "../host/node-host.ts";
import type { Network } from "../network/network.ts";
import type { CoordinatorHost } from "./coordinator-host.ts";
import type { ExchangeWatch } from "./exchange-watch.ts";
import type { Troubles } from "./troubles.ts";

/** What faults of coordinators, of the database and of the ways between them are brought over. */
export const CONTROL_PLANE = "control plane";

/**
 * After a fault is over what it has set going may still be to come: a takeover after the longest TTL, acknowledgements behind a
 * segment that is late by 20 s, a connection that is given up for an older silence.
 */
const SETTLED_MS = 30_000;
/** What a guard that was started takes to be found. */
const GUARD_FOUND_MS = 250;

export type ServiceWatchParts = {
  readonly network: Network;
  readonly exchanges: ExchangeWatch;
  readonly troubles: Troubles;
  readonly coordinators: readonly CoordinatorHost[];
  readonly fail: (text: string) => void;
};

/**
 * The other side of survival: where leader, node and the way between them have been well since before the node's last
 * acknowledgement, the acknowledgements had no reason to end, and nothing may be killed for want of a lease. Engines, disks,
 * other nodes and what people change meanwhile are no reason.
 */
export class ServiceWatch {
  readonly #parts: ServiceWatchParts;

  constructor(parts: ServiceWatchParts) {
    this.#parts = parts;
  }

  /** The node has begun to kill what runs. */
  killed(node: NodeHost): void {
    const { exchanges, fail } = this.#parts;
    // Without a lease in this boot nobody has served it yet.
    if (node.deadlineMs === null) return;
    // Until what is left of the old session has been removed, which an engine may hold up, what is acknowledged grants nothing.
    if (node.agent?.session !== exchanges.ackedSession(node.nodeId)) return;
    const ackedMs = exchanges.ackedMs(node.nodeId);
    if (this.#wellSinceMs(node) > ackedMs) return;
    const sinceMs = Math.round(node.deadlineMs - ackedMs);
    fail(
      `${node.name} killed its containers ${sinceMs} ms after its last acknowledgement, though nothing kept it from more`,
    );
  }

  /** From when on an acknowledgement that came has to be followed by others. */
  #wellSinceMs({ name, agent, agentProcess, guardProcess }: NodeHost): number {
    const { network, troubles, coordinators } = this.#parts;
    if (!agent || !agentProcess || !guardProcess) return Number.POSITIVE_INFINITY;
    const ways = coordinators.flatMap((host) => [network.link(name, host.name), network.link(host.name, name)]);
    const settledMs = Math.max(
      troubles.calmSinceMs(CONTROL_PLANE),
      troubles.calmSinceMs(name),
      ...ways.map(({ wholeSinceMs }) => wholeSinceMs),
    );
    // What was acknowledged to an agent since it was started, with a guard that takes it, is a lease like any other. Of a
    // process that was stopped the connections may be given up yet.
    return Math.max(
      settledMs + SETTLED_MS,
      agent.servesSinceMs,
      agentProcess.runningSinceMs + (agentProcess.wasNeverStopped ? 0 : SETTLED_MS),
      guardProcess.runningSinceMs + (guardProcess.wasNeverStopped ? GUARD_FOUND_MS : SETTLED_MS),
    );
  }
}
