import type { AgentLease, Vote } from "@lormas/lease/agent-lease.ts";
import type { MembershipEpoch, Voter } from "@lormas/lease/membership.ts";
import type { Logger } from "pino";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { PeerAnswer, PeerPlane, PeerQuestion } from "./peer-plane.ts";
import { SurvivalLog } from "./survival-log.ts";

/** Between two looks while nothing is known that could end. */
const IDLE_PAUSE_MS = 500;
/** The boot clock moves in steps of 10 ms: looking more often shows nothing new. */
const PAUSE_MIN_MS = 5;

/** What of the lease the asker needs; LeaseKeeper is it. */
export type AskedLease = {
  readonly lease: AgentLease;
  asksPeers(): boolean;
  voted(vote: Vote): Promise<void>;
};

/** What one voter said last, in this time without lease. */
export type VoterWord = { readonly kind: "without_lease" | "declined" | "silent"; readonly reason: string };

export type AskerCounts = {
  /** Questions that were sent. */
  readonly asked: number;
  /** Votes that were given. */
  readonly votes: number;
  /** Answers that were no vote. */
  readonly declined: number;
  /** Questions without an answer. */
  readonly unanswered: number;
  /** Answers that belonged to no open question. */
  readonly foreign: number;
};

/**
 * A quarter of the lease before its soft end has connections made to the voters. From the soft end on, asks every voter of the journalled group once a heartbeat interval whether it is without
 * lease too. One question per voter is open at a time, for less than v/2. An answer counts only for the question that is
 * open: same run, same time of asking, same voter.
 */
export class VoteAsker {
  readonly #incarnation: string;
  readonly #keeper: AskedLease;
  readonly #peers: PeerPlane;
  readonly #clock: BootClock;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #survival: SurvivalLog;
  /** By voter; never more than there are voters. */
  readonly #open = new Map<string, PeerQuestion>();
  readonly #words = new Map<string, VoterWord>();
  readonly #strangeEpochs = new Set<string>();
  #counts = { asked: 0, votes: 0, declined: 0, unanswered: 0, foreign: 0 };
  #kept: MembershipEpoch | null = null;
  /** The soft end before which the connections were made that questions will need. */
  #preparedFor: number | null = null;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: {
    readonly incarnation: string;
    readonly lease: AskedLease;
    readonly peers: PeerPlane;
    readonly clock: BootClock;
    readonly timers: Timers;
    readonly log: Logger;
  }) {
    this.#incarnation = options.incarnation;
    this.#keeper = options.lease;
    this.#peers = options.peers;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#log = options.log;
    this.#survival = new SurvivalLog(options.log);
    this.#look();
  }

  get counts(): AskerCounts {
    return this.#counts;
  }

  /** The node has taken up another epoch of its group: looks at once, and not only when something of the old one ends. */
  regrouped(): void {
    this.#cancel();
    this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #look(): void {
    if (this.#closed) return;
    const { lease } = this.#keeper;
    const nowMs = this.#clock.nowMs();
    if (lease.membership !== this.#kept) {
      this.#kept = lease.membership;
      this.#words.clear();
      this.#strangeEpochs.clear();
      this.#peers.keep(lease.membership?.voters ?? []);
    }
    const asks = this.#keeper.asksPeers();
    if (asks && lease.membership) this.#askAll(lease.membership, lease.nodeId, nowMs);
    else this.#prepare(lease, nowMs);
    if (asks) this.#survival.asking(lease, this.#words, nowMs);
    else if (this.#survival.resting(lease, this.#words, nowMs)) this.#words.clear();
    this.#cancel = this.#timers.after(this.#pauseMs(lease, asks, nowMs), () => this.#look());
  }

  /** A quarter of the lease has passed without an acknowledgement: a handshake must not use up the time for questions. */
  #prepare({ membership, softEndMs, nodeId }: AgentLease, nowMs: number): void {
    if (!membership || softEndMs === null || softEndMs === this.#preparedFor) return;
    if (!membership.policy.survival || nowMs >= softEndMs || nowMs < softEndMs - membership.policy.leaseMs / 4) return;
    this.#preparedFor = softEndMs;
    this.#peers.prepare(membership.voters.filter((voter) => voter.nodeId !== nodeId && voter.peerAddress !== ""));
  }

  /** Until what is next: the time to prepare, the soft end; then, while there is no lease, once a heartbeat interval. */
  #pauseMs({ membership, softEndMs }: AgentLease, asks: boolean, nowMs: number): number {
    if (!membership) return IDLE_PAUSE_MS;
    if (asks || softEndMs === null || softEndMs <= nowMs) return membership.policy.intervalMs;
    const prepareMs = softEndMs - membership.policy.leaseMs / 4;
    const nextMs = nowMs < prepareMs ? prepareMs : softEndMs;
    return Math.max(PAUSE_MIN_MS, Math.min(this.#timers.trustedMs, nextMs - nowMs));
  }

  #askAll(membership: MembershipEpoch, nodeId: string, nowMs: number): void {
    // Whatever votes last: of the L/2 from the soft end to the hard one, a question asked in vain takes half at most.
    const { voteMs, leaseMs } = membership.policy;
    const timeoutMs = Math.max(1, Math.ceil(Math.min(voteMs / 2, leaseMs / 4)) - 1);
    for (const voter of membership.voters) {
      if (voter.nodeId === nodeId || this.#open.has(voter.nodeId)) continue;
      if (voter.peerAddress === "") {
        this.#words.set(voter.nodeId, { kind: "silent", reason: "it has no peer address" });
        continue;
      }
      const question: PeerQuestion = {
        nodeId,
        incarnation: this.#incarnation,
        voterNodeId: voter.nodeId,
        askedMs: nowMs,
        membershipEpoch: membership.epoch,
      };
      this.#open.set(voter.nodeId, question);
      this.#counts.asked += 1;
      void this.#peers
        .ask(voter, question, timeoutMs)
        .then((answer) => this.#answered(voter, question, answer))
        .catch((error: unknown) => this.#log.error({ err: error, voter: voter.nodeName }, "a vote was lost"))
        .finally(() => this.#open.delete(voter.nodeId));
    }
  }

  async #answered(voter: Voter, question: PeerQuestion, answer: PeerAnswer | null): Promise<void> {
    if (this.#closed) return;
    if (!answer) {
      this.#counts.unanswered += 1;
      this.#words.set(voter.nodeId, { kind: "silent", reason: "no answer" });
      return;
    }
    if (
      answer.voterNodeId !== voter.nodeId ||
      answer.incarnation !== question.incarnation ||
      answer.askedMs !== question.askedMs
    ) {
      this.#counts.foreign += 1;
      this.#words.set(voter.nodeId, { kind: "silent", reason: "it answered another question" });
      this.#log.warn({ voter: voter.nodeName, answer }, "an answer to no open question was dropped");
      return;
    }
    this.#noteEpoch(voter, question, answer);
    if (!answer.withoutLease) {
      this.#counts.declined += 1;
      this.#words.set(voter.nodeId, { kind: "declined", reason: answer.reason });
      return;
    }
    this.#counts.votes += 1;
    this.#words.set(voter.nodeId, { kind: "without_lease", reason: "" });
    const before = this.#keeper.lease.hardEndMs;
    await this.#keeper.voted({ voterId: voter.nodeId, askedMs: question.askedMs });
    const { lease } = this.#keeper;
    if (lease.hardEndMs !== before && this.#keeper.asksPeers())
      this.#survival.prolonged(lease, this.#words, this.#clock.nowMs());
  }

  // The answer is about the voter's own lease and counts in the asker's set, whatever set the voter knows; once a voter and
  // epoch it is said.
  #noteEpoch(voter: Voter, question: PeerQuestion, answer: PeerAnswer): void {
    const key = `${voter.nodeId}/${answer.membershipEpoch}`;
    if (answer.membershipEpoch === question.membershipEpoch || this.#strangeEpochs.has(key)) return;
    if (this.#strangeEpochs.size >= STRANGE_EPOCHS_MAX) return;
    this.#strangeEpochs.add(key);
    this.#log.info(
      { voter: voter.nodeName, its: answer.membershipEpoch, ours: question.membershipEpoch },
      "a voter knows another epoch of the voting group; its answer counts in ours",
    );
  }
}

/** Other epochs of voters that are said while this one lasts. */
const STRANGE_EPOCHS_MAX = 64;
