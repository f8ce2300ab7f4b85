import type { Voter } from "@lormas/lease/membership.ts";
import type { PeerAnswer, PeerAnswering, PeerPlane, PeerQuestion } from "./peer-plane.ts";

/** What the network does with one question; null: the answer is lost. */
export type PeerPassage = (question: PeerQuestion, answering: PeerAnswering) => Promise<PeerAnswer | null>;

/** Agents of one process that ask each other directly, for tests; what is between them is set from outside. */
export class InMemoryPeers {
  readonly #answering = new Map<string, PeerAnswering>();
  /** Every question that was sent, oldest first. */
  readonly asked: PeerQuestion[] = [];
  /** Of each node, whom it was told to keep connections to. */
  readonly kept = new Map<string, readonly Voter[]>();
  /** Whom each node was told that it may ask soon, oldest first. */
  readonly prepared: { readonly nodeId: string; readonly voters: readonly Voter[] }[] = [];
  passage: PeerPassage = async (question, answering) => answering(question);

  /** The plane of one node. */
  plane(nodeId: string): PeerPlane {
    return {
      address: `${nodeId}:7446`,
      serve: (answering) => this.#answering.set(nodeId, answering),
      prepare: (voters) => void this.prepared.push({ nodeId, voters }),
      keep: (voters) => this.kept.set(nodeId, voters),
      ask: async (voter, question) => {
        this.asked.push(question);
        const answering = this.#answering.get(voter.nodeId);
        return answering ? this.passage(question, answering) : null;
      },
    };
  }
}
