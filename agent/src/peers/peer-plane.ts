import type { Voter } from "@lormas/lease/membership.ts";

/** "Are you without lease?", from one agent to one voter. */
export type PeerQuestion = {
  /** Who asks. */
  readonly nodeId: string;
  /** The run of the agent that asks. */
  readonly incarnation: string;
  /** Who is asked. */
  readonly voterNodeId: string;
  /** Boot time of the asker when it asked, ms; meant for nobody else. */
  readonly askedMs: number;
  /** The membership epoch in the asker's journal. */
  readonly membershipEpoch: number;
};

/** What a voter says. Everything but the last three is an echo, by which the asker knows its question. */
export type PeerAnswer = {
  readonly voterNodeId: string;
  readonly incarnation: string;
  readonly askedMs: number;
  readonly withoutLease: boolean;
  /** Why there is no vote, for people. */
  readonly reason: string;
  /** The membership epoch in the voter's journal. */
  readonly membershipEpoch: number;
};

/** Answers at once, from memory. */
export type PeerAnswering = (question: PeerQuestion) => PeerAnswer;

/** The way from agent to agent: gRPC between hosts, a simulated network in the simulator. */
export type PeerPlane = {
  /** "host:port" at which peers reach this agent; empty: they do not. */
  readonly address: string;
  /**
   * Asks one voter. Settles within `timeoutMs`, with null when there is no answer, or none that is proven to be the voter's;
   * never rejects. The plane says in its own log why.
   */
  ask(voter: Voter, question: PeerQuestion, timeoutMs: number): Promise<PeerAnswer | null>;
  /** These voters may be asked soon: makes the connections to them that are not there yet, so that a question finds one. */
  prepare(voters: readonly Voter[]): void;
  /** Who answers from now on. A plane hands on only questions whose `nodeId` is proven to be the asker's. */
  serve(answering: PeerAnswering): void;
  /** These are the voters now: connections to all others are closed. */
  keep(voters: readonly Voter[]): void;
};
