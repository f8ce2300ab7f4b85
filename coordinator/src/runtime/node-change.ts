import { HISTORY_MAX, isVoter } from "@lormas/lease/membership.ts";
import { labelsAfter, labelsText } from "../domain/node/node-labels.ts";
import { Refusal } from "../domain/refusal.ts";
import { refuseTakenNodeName } from "./enrolled-facts.ts";
import { nodeEtag, refuseStale } from "./etag.ts";
import type { NodeFacts, NodeRecord } from "./fleet-view.ts";
import { refuseUnlessEmpty } from "./node-removal.ts";
import type { NodeChange } from "./operator-wishes.ts";
import type { UnitOfWork } from "./unit-of-work.ts";
import { renewEpoch } from "./voting-group.ts";

/**
 * Changes what is given of a node. Answers what has changed, for people; empty: nothing. Refusals: those of OperatorWishes.update, but
 * for N+1.
 */
export function changeNode(work: UnitOfWork, node: NodeRecord, change: NodeChange): string[] {
  const { facts } = node;
  refuseStale(change.etag ?? "", nodeEtag(facts), `node ${facts.name}`);
  const priority = change.priority ?? facts.priority;
  const labels = labelsAfter(facts.labels, change.labels ?? { set: {}, remove: [] });
  const name = change.name ?? facts.name;
  const clusterId = change.clusterId ?? facts.clusterId;
  const said: string[] = [];
  if (name !== facts.name) {
    refuseRename(work, facts, name);
    said.push(`the name ${name}`);
  }
  if (clusterId !== facts.clusterId) said.push(`cluster ${moveToCluster(work, node, clusterId)}`);
  if (priority !== facts.priority) said.push(`priority ${priority} (was ${facts.priority})`);
  if (labelsText(labels) !== labelsText(facts.labels)) said.push(labelsText(labels) || "no labels");
  if (said.length > 0) work.changeNode(facts.id, { priority, labels, name, clusterId });
  if (clusterId !== facts.clusterId) work.lookAgain();
  return said;
}

function refuseRename(work: UnitOfWork, facts: NodeFacts, name: string): void {
  refuseTakenNodeName(work, name);
  if (!facts.approval) return;
  throw new Refusal("busy", `${facts.name} awaits approval under this name`, "let it in first, then rename it", {
    field: "name",
  });
}

/**
 * The node belongs to another cluster from now on. Only one that could as well be taken out of the fleet: its session has ended, or never
 * begun, and it holds nothing, so that nothing of it runs under a lease of its old group. And no group may count on its vote any more:
 * what is believed of it in one must never be asked in another. It is granted leases under an epoch that is above every one that it can
 * have journalled, since agents only go up.
 */
function moveToCluster(work: UnitOfWork, node: NodeRecord, clusterId: string): string {
  const { id, name } = node.facts;
  const target = work.cluster(clusterId);
  if (!target) {
    throw new Refusal(
      "unknown_cluster",
      `there is no cluster ${clusterId}`,
      "list the clusters to see which there are",
      {
        field: "cluster",
      },
    );
  }
  refuseUnlessEmpty(work, node, "cluster", `drain it, stop its agent, move it, and start the agent again`);
  for (const cluster of work.clusters()) {
    const votes = work.membership(cluster.id)?.some((epoch) => isVoter(epoch, id));
    if (!votes) continue;
    throw new Refusal(
      "busy",
      `${name} votes in ${cluster.name}, or some node there may believe so`,
      `try again in some seconds; a group of two keeps both its voters: there, remove it (lormas node rm ${name}) and enrol it anew`,
      { field: "cluster", retryAfterMs: 10_000 },
    );
  }
  const history = work.membership(clusterId);
  if (history && history.length >= HISTORY_MAX) {
    throw new Refusal(
      "busy",
      `${target.name} has ${HISTORY_MAX} epochs that are believed in`,
      "try again in a minute",
      {
        field: "cluster",
        retryAfterMs: 60_000,
      },
    );
  }
  renewEpoch(work, clusterId);
  return target.name;
}
