/** How one agent of the local fleet is told apart from the others. */
export interface NodePlan {
  readonly name: string;
  /** The address at which its containers are reached. */
  readonly address: string;
  /** Inclusive range of host ports, when the address is shared with other nodes; undefined: the agent's default. */
  readonly portPool: string | undefined;
}

export const nodesMax = 16;
const firstPort = 20_000;
const portsEach = 1000;

/**
 * Plans `node-1` to `node-<count>`. With a range of loopback addresses ("127.0.1"; Linux has all of 127.0.0.0/8) each
 * node gets an address of its own, so that host ports never collide; without, they share 127.0.0.1 and divide the ports.
 */
export function planNodes(count: number, prefix: string | undefined): NodePlan[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `node-${index + 1}`;
    if (prefix !== undefined) return { name, address: `${prefix}.${index + 1}`, portPool: undefined };
    const low = firstPort + index * portsEach;
    return { name, address: "127.0.0.1", portPool: `${low}-${low + portsEach - 1}` };
  });
}
