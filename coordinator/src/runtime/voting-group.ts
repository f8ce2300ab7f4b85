import { type MembershipHistory, presentEpoch, VOTERS_MAX } from "@lormas/lease/membership.ts";
import {
  type Believer,
  type GroupNode,
  type GroupView,
  type NextMembership,
  nextMembership,
} from "../domain/membership/next-membership.ts";
import type { ClusterRecord, FleetView, NodeRecord } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** What the watch knows of a node, as far as voting groups depend on it. */
export type NodeSigns = Believer & {
  /** It has confirmed that it holds a lease at this moment. */
  readonly confirmed: boolean;
  /** It has held a lease for the whole of the last W. */
  readonly proves: boolean;
  /** It is silent, and whether it is dead will be decided soon. */
  readonly undecided: boolean;
};

export type SignsOf = (nodeId: string) => NodeSigns;

/** Of a node that the watch has not heard. */
export const NO_SIGNS: NodeSigns = {
  ...{ confirmed: false, proves: false, undecided: false },
  ...{ confirmedEpoch: null, leaving: false },
};

/** Nodes of other clusters that are looked at for one that borrows its voters. */
const BORROWABLE_MAX = 2 * VOTERS_MAX;

/** A cluster's group as the choice of its voters sees it at this moment. `own` are the cluster's nodes. */
export function groupView(
  fleet: FleetView,
  cluster: ClusterRecord,
  own: readonly NodeRecord[],
  signsOf: SignsOf,
): Omit<GroupView, "aloneForLong"> {
  const history = fleet.membership(cluster.id);
  const serving = own.filter(({ snapshot }) => snapshot.value !== "pending");
  const seen = (node: NodeRecord): GroupNode => new SeenNode(node, signsOf(node.facts.id));
  return {
    policy: cluster.policy,
    history,
    own: serving.map(seen),
    borrowable:
      serving.length === 1 && cluster.allowOtherClusters ? borrowableNodes(fleet, cluster.id, history).map(seen) : [],
  };
}

function borrowableNodes(fleet: FleetView, clusterId: string, history: MembershipHistory | null): NodeRecord[] {
  const found = new Map<string, NodeRecord>();
  for (const { nodeId } of history ? presentEpoch(history).voters : []) {
    const node = fleet.node(nodeId);
    if (node && node.facts.clusterId !== clusterId) found.set(nodeId, node);
  }
  for (const node of fleet.nodes()) {
    if (found.size >= BORROWABLE_MAX) break;
    const { value } = node.snapshot;
    if (node.facts.clusterId !== clusterId && value !== "pending" && value !== "dead") found.set(node.facts.id, node);
  }
  return [...found.values()];
}

/** What of it is found out when it is asked for: of most nodes of a large group it is not. */
class SeenNode implements GroupNode {
  readonly #node: NodeRecord;
  readonly #signs: NodeSigns;

  constructor(node: NodeRecord, signs: NodeSigns) {
    this.#node = node;
    this.#signs = signs;
  }

  get nodeId(): string {
    return this.#node.facts.id;
  }
  get nodeName(): string {
    return this.#node.facts.name;
  }
  get peerAddress(): string {
    return this.#node.facts.peerAddress;
  }
  get dead(): boolean {
    return this.#node.snapshot.value === "dead";
  }
  get sound(): boolean {
    return this.#node.facts.guarded && this.#node.facts.clockSound;
  }
  get confirmed(): boolean {
    return this.#node.snapshot.value === "healthy" && this.#signs.confirmed;
  }
  get proves(): boolean {
    return this.#signs.proves;
  }
  get undecided(): boolean {
    return this.#signs.undecided;
  }
}

/**
 * Makes the group's next epoch within a decision, where one is due. Its number is above every one of the fleet, so that a node
 * that changes its group only goes up. For how long a group has been alone its keeper knows.
 */
export function regroup(work: UnitOfWork, clusterId: string, signsOf: SignsOf, aloneForLong = false): void {
  const cluster = work.cluster(clusterId);
  if (!cluster) return;
  const own = [...work.nodes()].filter(({ facts }) => facts.clusterId === clusterId);
  const next = nextMembership({ ...groupView(work, cluster, own, signsOf), aloneForLong });
  if (!next) return;
  const before = work.membership(clusterId);
  const epoch = { epoch: work.newestEpoch() + 1, ...next };
  work.setMembership(clusterId, before ? [...before, epoch] : [epoch]);
  const { profile, survival } = next.policy;
  work.addEvent({
    type: "cluster.regrouped",
    severity: "info",
    message: `${cluster.name}: epoch ${epoch.epoch}, profile ${profile}${votersText(next)}`,
    nodeId: null,
    containerId: null,
    migrationId: null,
    data: {
      clusterId,
      epoch: epoch.epoch,
      profile,
      survival,
      selfFencing: next.policy.selfFencing,
      voters: next.voters.map(({ nodeId }) => nodeId),
    },
  });
}

/**
 * The same group under a number that is above every one of the fleet, for a node that comes to it from another one. A group that has no
 * epoch yet gets such a number with its first.
 */
export function renewEpoch(work: UnitOfWork, clusterId: string): void {
  const history = work.membership(clusterId);
  if (!history) return;
  work.setMembership(clusterId, [...history, { ...presentEpoch(history), epoch: work.newestEpoch() + 1 }]);
}

function votersText({ voters, policy }: NextMembership): string {
  if (!policy.selfFencing) return "; with one node there is no failover and no self-fencing";
  if (voters.length === 0) return "; no failover before two nodes vote";
  const names = voters.map(({ nodeName }) => nodeName).join(", ");
  return `, voters ${names}${policy.survival ? "" : ", survival by votes off"}`;
}
