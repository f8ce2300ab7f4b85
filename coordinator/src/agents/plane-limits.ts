import type { FairShareBounds } from "@lormas/wire/fair-share.ts";

/** Every bound of the agent plane. */
export type PlaneLimits = {
  /** Connections that are open at once, all together. */
  readonly connectionsMax: number;
  /** Connections of one address (IPv6: of one /64). */
  readonly connectionsPerAddressMax: number;
  /** Connections without an accepted certificate, of one address; enough for enrolment. */
  readonly unidentifiedPerAddressMax: number;
  /** How long a connection without an accepted certificate may stay. */
  readonly unidentifiedLifeMs: number;
  /** Connections of one node: its agent, and the one that is about to go away. */
  readonly connectionsPerNodeMax: number;
  /** From the connection to the end of the TLS handshake. */
  readonly handshakeMs: number;
  /** A connection without streams is closed after this. */
  readonly idleMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Of a node's connection; its agent opens one for each reading, beside its own three. */
  readonly streamsPerConnectionMax: number;
  readonly messageBytesMax: number;
  /** From the call to its first message. */
  readonly firstMessageMs: number;
  /** Messages that wait on a command stream to be sent; at it commands stay in the outbox. */
  readonly commandsBufferedMax: number;
  /** Acknowledgements that wait on a heartbeat stream to be sent; at it the stream is ended. */
  readonly acksBufferedMax: number;
  /** Results and reports of a node that wait for the intake; at it the stream is not read. */
  readonly inboxMax: number;
  /** Readings of logs and terminals on one node, counted by container. */
  readonly readings: FairShareBounds;
  /** Batches of lines that a reading holds before its stream is not read. */
  readonly readingBatchesMax: number;
  /** From OpenLogs to the PushLogs stream. */
  readonly readingOpenMs: number;
  /** Inputs and resizes on one node that wait for their answers, counted by container; beyond they are refused. */
  readonly inputs: FairShareBounds;
  /** From an input to its answer; then it is not known whether it was written. */
  readonly inputAnswerMs: number;
  /** How long a node's standing is remembered. */
  readonly nodeCacheMs: number;
  /** Between two looks at whether nodes with open streams may still speak. */
  readonly sweepMs: number;
  /** Enrolments of one address. */
  readonly enrolBurst: number;
  readonly enrolRefillMs: number;
};

export const PLANE_LIMITS: PlaneLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 1_024,
  unidentifiedPerAddressMax: 64,
  unidentifiedLifeMs: 60_000,
  connectionsPerNodeMax: 8,
  handshakeMs: 10_000,
  idleMs: 10_000,
  keepaliveTimeMs: 10_000,
  keepaliveTimeoutMs: 5_000,
  streamsPerConnectionMax: 1_024,
  messageBytesMax: 4 << 20,
  firstMessageMs: 10_000,
  commandsBufferedMax: 256,
  acksBufferedMax: 64,
  inboxMax: 1_000,
  readings: { sure: 2, perHolderMax: 32, inAllMax: 64 },
  readingBatchesMax: 4,
  readingOpenMs: 10_000,
  inputs: { sure: 2, perHolderMax: 16, inAllMax: 64 },
  inputAnswerMs: 5_000,
  nodeCacheMs: 5_000,
  sweepMs: 2_500,
  enrolBurst: 20,
  enrolRefillMs: 3_000,
};
