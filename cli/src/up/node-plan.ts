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
 * Plans `node-1` to `node-<count>`. On Linux the whole of 127.0.0.0/8 is there, so each node gets an address of its own
 * and host ports never collide; elsewhere they share 127.0.0.1 and divide the ports.
 */
export function planNodes(count: number, platform: NodeJS.Platform): NodePlan[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `node-${index + 1}`;
    if (platform === "linux") return { name, address: `127.0.1.${index + 1}`, portPool: undefined };
    const low = firstPort + index * portsEach;
    return { name, address: "127.0.0.1", portPool: `${low}-${low + portsEach - 1}` };
  });
}
