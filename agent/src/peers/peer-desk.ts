import type { AgentLease, RememberedLease } from "@lormas/lease/agent-lease.ts";
import { type VoteGiver, voteAnswer, voteGiverAfterGoodbye, voteGiverAtStart } from "@lormas/lease/vote-giver.ts";
import type { BootClock } from "../clock/clock.ts";
import type { PeerAnswer, PeerQuestion } from "./peer-plane.ts";

/** Answers what peers ask of this node's lease: at once, and from memory alone. */
export class PeerDesk {
  readonly #lease: () => AgentLease;
  readonly #clock: BootClock;
  #giver: VoteGiver;
  #given = 0;
  #declined = 0;

  /** `remembered` is what the guard held when this agent started; null where it holds nothing of this boot. */
  constructor(lease: () => AgentLease, remembered: RememberedLease | null, clock: BootClock) {
    this.#lease = lease;
    this.#clock = clock;
    this.#giver = voteGiverAtStart(lease().membership, remembered, clock.nowMs());
  }

  /** Votes that were given and that were not, in this run. */
  get counts(): { readonly given: number; readonly declined: number } {
    return { given: this.#given, declined: this.#declined };
  }

  answer(question: PeerQuestion): PeerAnswer {
    const lease = this.#lease();
    const { withoutLease, reason } =
      question.voterNodeId === lease.nodeId
        ? voteAnswer(this.#giver, lease, this.#clock.nowMs())
        : { withoutLease: false, reason: `this is node ${lease.nodeId}, not the one that is asked` };
    if (withoutLease) this.#given += 1;
    else this.#declined += 1;
    return {
      voterNodeId: lease.nodeId,
      incarnation: question.incarnation,
      askedMs: question.askedMs,
      withoutLease,
      reason,
      membershipEpoch: lease.membership?.epoch ?? 0,
    };
  }

  /** The session was closed by a goodbye: no vote for as long as what was confirmed before may still be counted. */
  goodbye(): void {
    this.#giver = voteGiverAfterGoodbye(this.#giver, this.#lease().membership, this.#clock.nowMs());
  }
}
