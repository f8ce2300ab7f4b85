/** A node as the coordinator sees it. */
export interface FleetNode {
  readonly id: string;
  readonly name: string;
  /** As the coordinator has it stored: right after a restart it tells of the time before. */
  readonly healthy: boolean;
  /** Changes with every heartbeat; empty when there was none. */
  readonly heardAt: string;
}

/** What the supervisor needs of the coordinator's API. */
export interface LocalFleet {
  /** A one-time join token for the local cluster. */
  createJoinToken(): Promise<string>;
  /** Every node that is enrolled. */
  nodes(): Promise<readonly FleetNode[]>;
}
