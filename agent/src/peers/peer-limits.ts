/** Every bound of an agent's peer plane. */
export type PeerLimits = {
  /** Connections that are open at once; a group may have thousands of members that ask one voter. */
  readonly connectionsMax: number;
  /** Connections of one address that have not shown a node's certificate yet. */
  readonly unprovenPerAddressMax: number;
  readonly handshakeMs: number;
  /** Connections of one node; at it the oldest is closed. */
  readonly connectionsPerNodeMax: number;
  /** A connection without questions is closed after this. */
  readonly idleMs: number;
  readonly messageBytesMax: number;
  /** Questions of one node a second, and at once. The shortest interval asks 20 times a second. */
  readonly questionsPerSecondMax: number;
};

export const PEER_LIMITS: PeerLimits = {
  connectionsMax: 4_096,
  unprovenPerAddressMax: 64,
  handshakeMs: 5_000,
  connectionsPerNodeMax: 2,
  idleMs: 60_000,
  messageBytesMax: 4_096,
  questionsPerSecondMax: 40,
};
