/** How one agent of the local fleet is told apart from the others. */
export interface NodePlan {
  readonly name: string;
  /** The address at which its containers are reached. */
  readonly address: string;
  /** Inclusive range of host ports, when the address is shared with other nodes; undefined: the agent's default. */
  readonly portPool: string | undefined;
  /** Where other agents ask it, when the address is shared with other nodes; undefined: the agent's default. */
  readonly peerListen: string | undefined;
}

export const nodesMax = 16;
const firstPort = 20_000;
const portsEach = 1000;

/**
 * Plans `node-1` to `node-<count>`. With a range of loopback addresses ("127.0.1"; Linux has all of 127.0.0.0/8) each
 * node gets an address of its own, so that ports never collide; without, they share 127.0.0.1, divide the host ports and
 * take free ports for each other.
 */
export function planNodes(count: number, prefix: string | undefined): NodePlan[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `node-${index + 1}`;
    if (prefix !== undefined)
      return { name, address: `${prefix}.${index + 1}`, portPool: undefined, peerListen: undefined };
    const low = firstPort + index * portsEach;
    const portPool = `${low}-${low + portsEach - 1}`;
    return { name, address: "127.0.0.1", portPool, peerListen: "127.0.0.1:0" };
  });
}
