import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { Resources } from "../domain/resources.ts";
import type { ObservedWorkload } from "../domain/workload.ts";
import type { FoundImage } from "./image-pin.ts";

/** How an agent process introduces itself. */
export type AgentHello = {
  readonly incarnation: string;
  readonly agentVersion: string;
  readonly session: number;
  readonly address: string;
  readonly runtime: string;
  readonly capacity: Resources;
  readonly architecture: string;
  readonly platform: string;
  readonly portPoolMin: number;
  readonly portPoolMax: number;
  readonly guarded: boolean;
  /** "host:port" of its peer plane; empty where it has none. */
  readonly peerAddress: string;
};

export type AgentHeartbeat = {
  readonly sequence: bigint;
  readonly session: number;
  readonly usage: Resources;
  readonly heldForMs: number;
  readonly remainingMs: number;
  readonly lastAckSeen: bigint;
  readonly guarded: boolean;
  readonly runtimeReady: boolean;
  /** The membership epoch in the agent's journal; 0 for none. */
  readonly membershipEpoch: number;
  /** Since this run of the agent began, on its own clock. */
  readonly elapsedMs: number;
};

/** The terms under which a node serves. */
export type ServingTerms = {
  readonly term: number;
  readonly session: number;
  readonly membership: MembershipEpoch;
  readonly nodeName: string;
  readonly clusterName: string;
};

export type GrantedAck = {
  readonly sequence: bigint;
  readonly term: number;
  readonly session: number;
  /** The node's voting group at present, when the heartbeat confirmed another epoch. */
  readonly membership: MembershipEpoch | null;
};

export type AgentCommandResult = {
  readonly commandId: string;
  readonly ok: boolean;
  readonly errorCode: string;
  readonly errorMessage: string;
  readonly status: ObservedWorkload | null;
  readonly tookMs: number;
  /** What the image of a prepare or start is there; absent or null: not found out. */
  readonly image?: FoundImage | null;
};

/**
 * What the agent plane tells the runtime. The plane has already checked that the peer's certificate is this node's; the
 * runtime decides. Every method that returns a promise resolves after the decision is committed; it rejects with a
 * Refusal when this coordinator does not lead or the database does not answer, and the plane then ends the stream with
 * UNAVAILABLE so that the agent dials again.
 */
export interface AgentIntake {
  /**
   * True while this coordinator may grant, decide and send, by its own lease at this moment. The plane asks right before
   * every message that it sends: what was decided a moment ago may be somebody else's by now.
   */
  leads(): boolean;
  /** A Hello on a heartbeat stream. From here on only this incarnation is served; streams of another one are ended. */
  hello(nodeId: string, hello: AgentHello): Promise<ServingTerms>;
  /**
   * A heartbeat, synchronous and in memory. Null: not acknowledged (its sequence did not rise, another incarnation is
   * served, the node is being declared dead, or this coordinator does not lead).
   */
  heartbeat(nodeId: string, incarnation: string, heartbeat: AgentHeartbeat): GrantedAck | null;
  /** An Attach on a command stream. After it resolves, pending commands are sent through AgentLink.sendCommand. */
  attach(nodeId: string, incarnation: string, session: number): Promise<{ term: number }>;
  /** Everything that is on the node. */
  inventory(nodeId: string, incarnation: string, session: number, workloads: ObservedWorkload[]): Promise<void>;
  /** The outcome of a command; after it resolves the plane sends the ResultAck. A repeated result changes nothing. */
  commandResult(nodeId: string, incarnation: string, result: AgentCommandResult): Promise<void>;
  /** One container changed without a command. */
  report(nodeId: string, incarnation: string, observed: ObservedWorkload): Promise<void>;
  /** The session has been closed by intent. */
  goodbye(nodeId: string, incarnation: string, session: number): Promise<void>;
}
