import type { LeasePolicy } from "./lease-policy.ts";

/** A node whose lease counts in its group: for the leader's majority and for a peer's survival. */
export type Voter = {
  readonly nodeId: string;
  readonly nodeName: string;
  /** "host:port" of its peer plane; empty where it has none. */
  readonly peerAddress: string;
};

/** What a group agrees on from one epoch to the next: who votes, and under which policy leases are granted. */
export type MembershipEpoch = {
  /** Rises by one with every change of the group; 1 is the first. */
  readonly epoch: number;
  readonly voters: readonly Voter[];
  readonly policy: LeasePolicy;
};

/** A group's epochs in order, the present one last: all that some node may still believe in. Never empty. */
export type MembershipHistory = readonly [MembershipEpoch, ...MembershipEpoch[]];

export const VOTERS_MIN = 2;
export const VOTERS_MAX = 9;
/** Epochs that a group keeps; while so many are believed in, it does not change again. */
export const HISTORY_MAX = 32;

export function isVoter(membership: MembershipEpoch, nodeId: string): boolean {
  return membership.voters.some((voter) => voter.nodeId === nodeId);
}

/** The epoch that holds for new grants. */
export function presentEpoch(history: MembershipHistory): MembershipEpoch {
  return history[history.length - 1] ?? history[0];
}

/**
 * How many others of the voters must be without lease, so that a node survives: more than half of the voters, itself counted
 * if it is one, the leader not. Infinite where nobody may be asked.
 */
export function othersNeededToSurvive(membership: MembershipEpoch, nodeId: string): number {
  const { voters, policy } = membership;
  if (!policy.survival || voters.length < VOTERS_MIN) return Number.POSITIVE_INFINITY;
  const majority = Math.floor(voters.length / 2) + 1;
  return isVoter(membership, nodeId) ? majority - 1 : majority;
}

/**
 * How many voters besides the one in question must have held leases, so that the leader may declare it dead: with the leader
 * itself more than half of voters and leader. For n voters this and `othersNeededToSurvive` together exceed the n − 1
 * others that there are, so one voter is in both. Infinite below two voters: alone nobody outvotes anybody.
 */
export function othersNeededToDeclare(membership: MembershipEpoch): number {
  const { voters } = membership;
  return voters.length < VOTERS_MIN ? Number.POSITIVE_INFINITY : Math.floor((voters.length + 1) / 2);
}

/** The epochs that a node may believe in: from the one it last confirmed; all of them where that is not known. */
export function believedEpochs(history: MembershipHistory, confirmedEpoch: number | null): readonly MembershipEpoch[] {
  return confirmedEpoch === null ? history : history.filter(({ epoch }) => epoch >= confirmedEpoch);
}
