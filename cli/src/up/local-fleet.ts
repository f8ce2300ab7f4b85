/** A node as the coordinator sees it. */
export interface FleetNode {
  readonly id: string;
  readonly name: string;
  /** Heartbeats of it arrive. */
  readonly healthy: boolean;
}

/** What the supervisor needs of the coordinator's API. */
export interface LocalFleet {
  /** A one-time join token for the local cluster. */
  createJoinToken(): Promise<string>;
  /** Every node that is enrolled. */
  nodes(): Promise<readonly FleetNode[]>;
}
