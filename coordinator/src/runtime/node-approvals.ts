import { APPROVAL_WAIT_MS, APPROVALS_WAITING_MAX, type NodeApproval } from "../domain/node/node-approval.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "./clock.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import { enrolledFacts, refuseTakenNodeName } from "./enrolled-facts.ts";
import type { FleetState } from "./fleet-state.ts";
import type { FleetView, NodeFacts, NodeRecord } from "./fleet-view.ts";
import type { ClaimingNode, EnrolmentWait } from "./operations.ts";
import { RepeatedDecision } from "./repeated-decision.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import type { FleetEvent, UnitOfWork } from "./unit-of-work.ts";

// A node whose token demands approval is stored when it first asks, without a certificate: it has its name and nothing else, and
// nothing of it can be heard or placed on it. Its row is how it waits; letting it in or turning it away is a change of that row.

/** How often those are looked for that nobody has let in. */
const LOOK_MS = 60_000;

/** What `Operations.awaitApproval` decides. `clusterId` is that of its token; null: it is used. */
export function awaitApproval(work: UnitOfWork, node: ClaimingNode, clusterId: string | null): EnrolmentWait {
  const known = work.node(node.nodeId)?.facts;
  if (known) {
    // Its id says that token and key are the same; an operator may have given it another name meanwhile.
    if (!known.approval) return { kind: "approved" };
    if (known.approval.untilMs > work.atMs) return { kind: "waiting", untilMs: known.approval.untilMs };
    turnAway(work, known, "nobody let it in in time");
    return { kind: "gone" };
  }
  const cluster = clusterId === null ? undefined : work.cluster(clusterId);
  if (!cluster) return { kind: "gone" };
  turnOverdueAway(work);
  refuseTakenNodeName(work, node.name);
  if (waiting(work).length >= APPROVALS_WAITING_MAX) {
    throw new Refusal(
      "busy",
      `${APPROVALS_WAITING_MAX} nodes await approval, as many as may`,
      "let some of them in, or turn them away: lormas node ls --pending",
      { retryAfterMs: 60_000 },
    );
  }
  const { nodeId, name, agentVersion, keyFingerprint, address } = node;
  const untilMs = work.atMs + APPROVAL_WAIT_MS;
  const approval: NodeApproval = { keyFingerprint, askedAtMs: work.atMs, untilMs };
  // Its agent asks with the same token until it is let in.
  work.consumeToken({ tokenHash: node.tokenHash, nodeId, livesUntilMs: untilMs });
  const fresh = { nodeId, name, agentVersion, address, approval, clusterId: cluster.id, certificateSerial: "" };
  work.addNode(enrolledFacts(fresh, work.atMs));
  const message = `${name} at ${address} wants to join ${cluster.name} and awaits approval; its key is ${keyFingerprint}`;
  work.addEvent(event(nodeId, "node.awaiting_approval", "warning", message, { keyFingerprint, address }));
  return { kind: "waiting", untilMs };
}

/** Lets a node in: its agent is given a certificate when it asks again. Refusals: not_awaiting_approval, invalid_argument. */
export function approveNode(work: UnitOfWork, { facts }: NodeRecord, keyFingerprint: string, by: string): void {
  const { id, name } = facts;
  const approval = waitingOf(facts);
  if (approval.untilMs <= work.atMs) {
    throw new Refusal(
      "not_awaiting_approval",
      `${name} waited until its time was over, and its agent has been told so`,
      "make another join token and enrol with it",
    );
  }
  if (keyFingerprint !== "" && keyFingerprint !== approval.keyFingerprint) {
    throw new Refusal(
      "invalid_argument",
      `the key of ${name} is ${approval.keyFingerprint}, not the one that was named`,
      `compare it with the log of its agent; if it is not yours: lormas node deny ${name}`,
      { field: "key_fingerprint" },
    );
  }
  work.changeNode(id, { approval: null, enrolledAtMs: work.atMs });
  const message = `${name} was let into the fleet by ${by}; its key is ${approval.keyFingerprint}`;
  work.addEvent(event(id, "node.approved", "info", message, { by, keyFingerprint: approval.keyFingerprint }));
  work.tellNode(id, { type: "ENROLLED", at: work.atMs });
}

/** Turns a node away for good; its name is free again. Refusals: not_awaiting_approval. */
export function denyNode(work: UnitOfWork, { facts }: NodeRecord, by: string): void {
  waitingOf(facts);
  turnAway(work, facts, `${by} turned it away`);
}

/** Turns those away whom nobody has let in in time. */
export function approvalKeeper(ports: {
  readonly clock: Clock;
  readonly loop: Pick<DecisionLoop, "submit">;
  readonly state: FleetState;
  readonly term: () => number | null;
  readonly log: RuntimeLog;
}): RepeatedDecision {
  const { clock, loop, term, log, state } = ports;
  return new RepeatedDecision({
    ...{ clock, loop, term, log },
    everyMs: LOOK_MS,
    complaint: "nodes that nobody has let in could not be turned away; trying again",
    due: () => (overdue(state, clock.wallMs()).length > 0 ? turnOverdueAway : null),
  });
}

function turnOverdueAway(work: UnitOfWork): void {
  for (const { facts } of overdue(work, work.atMs)) turnAway(work, facts, "nobody let it in in time");
}

function turnAway(work: UnitOfWork, { id, name }: NodeFacts, why: string): void {
  work.resolveAlertsOf(id);
  work.removeNode(id);
  work.addEvent(event(id, "node.removed", "warning", `${name} was not let into the fleet: ${why}`, { name, why }));
}

const waiting = (fleet: FleetView): NodeRecord[] => [...fleet.nodes()].filter(({ facts }) => facts.approval);

const overdue = (fleet: FleetView, nowMs: number): NodeRecord[] =>
  waiting(fleet).filter(({ facts }) => (facts.approval?.untilMs ?? Number.POSITIVE_INFINITY) <= nowMs);

function waitingOf({ name, approval }: NodeFacts): NodeApproval {
  if (approval) return approval;
  throw new Refusal(
    "not_awaiting_approval",
    `${name} is part of the fleet and awaits no approval`,
    "list those that do: lormas node ls --pending; to shut a node out: lormas node revoke",
    { field: "id" },
  );
}

function event(
  nodeId: string,
  type: string,
  severity: "info" | "warning",
  message: string,
  data: Readonly<Record<string, unknown>>,
): FleetEvent {
  return { type, severity, message, nodeId, containerId: null, migrationId: null, data };
}
