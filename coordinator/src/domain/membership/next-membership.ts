import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import {
  HISTORY_MAX,
  type MembershipHistory,
  presentEpoch,
  VOTERS_MAX,
  VOTERS_MIN,
  type Voter,
} from "@lormas/lease/membership.ts";

/** A node as the choice of voters sees it. */
export type GroupNode = Voter & {
  /** Its session has ended; it votes no more, and believes in nothing. */
  readonly dead: boolean;
  /** It may hold a lease: its guard answers and its clock is sound. */
  readonly sound: boolean;
  /** It has confirmed, in this term, that it holds a lease at this moment. */
  readonly confirmed: boolean;
  /** It has confirmed that it held a lease for the whole of the last W, so that it counts in the proof of another's death. */
  readonly proves: boolean;
  /** It is silent and its death may be declared soon: the dead leave together, so a change of voters waits for that. */
  readonly undecided: boolean;
};

/** What the choice of voters depends on. */
export type GroupView = {
  /** As the cluster is set; what of it can hold with these voters is decided here. */
  readonly policy: LeasePolicy;
  /** Null before the group's first epoch. */
  readonly history: MembershipHistory | null;
  /** The cluster's nodes that have ever served, in a stable order. */
  readonly own: readonly GroupNode[];
  /** Nodes of the clusters it may fall back to; a cluster of one node borrows its voters from them. */
  readonly borrowable: readonly GroupNode[];
  /** It has been alone, as `isAlone` says, for so long that no second node is on its way. */
  readonly aloneForLong: boolean;
};

/** An epoch to be made, before it has its number. */
export type NextMembership = { readonly voters: readonly Voter[]; readonly policy: LeasePolicy };

/**
 * Who votes from now on, and under which policy leases are granted; null when nothing is to change. Voters that are there
 * stay; the dead leave once nobody else's death is due; new ones join once they have confirmed a lease, and held it for W where
 * all the others have: one that joined sooner would be asked for in every proof, and hold up the next death until then. There
 * are never less than two while the group has two nodes to choose from.
 *
 * A group without voters has no failover. Its guard kills all the same, so that a node that is not heard any more when voters
 * are there can be declared dead by them. Only where one node has long been alone, and is heard, it does not, until there are
 * voters: nothing of it could run twice, and without a coordinator everything is to run on.
 */
export function nextMembership(view: GroupView): NextMembership | null {
  const { history } = view;
  if (view.own.length === 0 || (history && history.length >= HISTORY_MAX)) return null;
  const present = history && presentEpoch(history);
  const voters = nextVoters(view, present?.voters ?? []);
  const stays = present?.policy.selfFencing === false;
  const unfenced = stays || (isAlone(view) && view.aloneForLong && view.own.every(({ confirmed }) => confirmed));
  const next = withPolicy(view.policy, voters, unfenced);
  return present && sameVoters(present.voters, next.voters) && samePolicy(present.policy, next.policy) ? null : next;
}

/** True while it has less than two nodes to choose from: nothing of it can be moved, so nothing of it could run twice. */
export function isAlone(view: Pick<GroupView, "own" | "borrowable">): boolean {
  return poolOf(view).length < VOTERS_MIN;
}

const poolOf = ({ own, borrowable }: Pick<GroupView, "own" | "borrowable">): readonly GroupNode[] =>
  own.length === 1 ? [...own, ...borrowable] : own;

function nextVoters(view: GroupView, present: readonly Voter[]): readonly Voter[] {
  const pool = poolOf(view);
  if (pool.length < VOTERS_MIN) return [];
  const voting = new Set(present.map(({ nodeId }) => nodeId));
  const nodeOf = new Map(pool.filter(({ nodeId }) => voting.has(nodeId)).map((node) => [node.nodeId, node]));
  const renamed: readonly Voter[] = present.map((voter) => nodeOf.get(voter.nodeId) ?? voter);
  const unsettled = pool.some((node) => node.undecided);
  if (unsettled && present.length >= VOTERS_MIN) return renamed.map(voterOf);
  const stay = present.flatMap(({ nodeId }) => {
    const node = nodeOf.get(nodeId);
    return node && !node.dead && node.sound ? [node] : [];
  });
  const proving = stay.length >= VOTERS_MIN && stay.every(({ proves }) => proves);
  const mayJoin = (node: GroupNode) => !node.dead && node.sound && node.confirmed && (node.proves || !proving);
  const chosen: Voter[] = stay.slice(0, VOTERS_MAX);
  for (const node of pool) {
    if (chosen.length >= VOTERS_MAX) break;
    if (!stay.includes(node) && mayJoin(node)) chosen.push(node);
  }
  // Who keeps it at two although it cannot vote now: the most present ones first.
  for (const voter of renamed) {
    if (chosen.length < VOTERS_MIN && !chosen.some(({ nodeId }) => nodeId === voter.nodeId)) chosen.push(voter);
  }
  return chosen.length < VOTERS_MIN ? [] : chosen.map(voterOf);
}

// Where a voter cannot be reached by its peers, nobody could ask it: survival by votes would be a promise that is not kept.
function withPolicy(policy: LeasePolicy, voters: readonly Voter[], unfenced: boolean): NextMembership {
  const grouped = voters.length >= VOTERS_MIN;
  const reachable = voters.every((voter) => voter.peerAddress !== "");
  const survival = policy.survival && grouped && reachable;
  return { voters, policy: { ...policy, selfFencing: grouped || !unfenced, survival } };
}

const voterOf = ({ nodeId, nodeName, peerAddress }: Voter): Voter => ({ nodeId, nodeName, peerAddress });

const sameVoter = (a: Voter, b: Voter): boolean =>
  a.nodeId === b.nodeId && a.nodeName === b.nodeName && a.peerAddress === b.peerAddress;

// Groups are small: nothing is made for a look that finds them as they were.
function sameVoters(a: readonly Voter[], b: readonly Voter[]): boolean {
  return a.length === b.length && b.every((voter) => a.some((other) => sameVoter(voter, other)));
}

const POLICY_KEYS = [
  "profile",
  "intervalMs",
  "leaseMs",
  "killMs",
  "voteMs",
  "unhealthyMs",
  "survival",
  "selfFencing",
] as const satisfies readonly (keyof LeasePolicy)[];

function samePolicy(a: LeasePolicy, b: LeasePolicy): boolean {
  return POLICY_KEYS.every((key) => a[key] === b[key]);
}

/** What one live node of the group may still believe in. */
export type Believer = {
  /** The epoch that it last confirmed; null: any. */
  readonly confirmedEpoch: number | null;
  /** The wait of an epoch that it has left is still to be respected. */
  readonly leaving: boolean;
};

/** The history without what nobody believes in any more, whose waits are over; the present epoch stays in any case. */
export function prunedHistory(history: MembershipHistory, believers: readonly Believer[]): MembershipHistory {
  if (believers.some(({ confirmedEpoch, leaving }) => confirmedEpoch === null || leaving)) return history;
  const lowest = Math.min(...believers.map(({ confirmedEpoch }) => confirmedEpoch ?? 0));
  const present = presentEpoch(history);
  const kept = history.filter(({ epoch }) => epoch >= lowest && epoch !== present.epoch);
  const [first, ...rest] = [...kept, present];
  return [first ?? present, ...rest];
}
