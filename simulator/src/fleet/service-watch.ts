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
    const ackedMs = exchanges.ackedMs(node.nodeId);
    if (this.#wellSinceMs(node) + SETTLED_MS > ackedMs) return;
    const sinceMs = Math.round(node.deadlineMs - ackedMs);
    fail(
      `${node.name} killed its containers ${sinceMs} ms after its last acknowledgement, though nothing kept it from more`,
    );
  }

  #wellSinceMs({ name, agent, agentProcess, guardProcess }: NodeHost): number {
    const { network, troubles, coordinators } = this.#parts;
    const ways = coordinators.flatMap((host) => [network.link(name, host.name), network.link(host.name, name)]);
    return Math.max(
      troubles.calmSinceMs(CONTROL_PLANE),
      troubles.calmSinceMs(name),
      ...ways.map(({ wholeSinceMs }) => wholeSinceMs),
      // Its agent must have served, and its guard have been there to be told, all the time.
      agent?.servesSinceMs ?? Number.POSITIVE_INFINITY,
      agentProcess?.runningSinceMs ?? Number.POSITIVE_INFINITY,
      guardProcess?.runningSinceMs ?? Number.POSITIVE_INFINITY,
    );
  }
}
