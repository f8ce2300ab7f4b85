import { lifeState, migrationStatus } from "../domain/container/container-status.ts";
import {
  drainRetryMs,
  judgeAbsent,
  judgeResident,
  NO_TARGET_RETRY_MS,
  RETURN_ATTEMPTS_MAX,
  type Resident,
  WAITS_FOR_ITS_TURN,
} from "../domain/maintenance/drain-judgement.ts";
import type { DrainItem, DrainSurvey, DutyContext, MovedContainer } from "../domain/maintenance/duty-context.ts";
import type { ContainerRecord, NodeRecord } from "./fleet-view.ts";
import { failureOf } from "./migration-change.ts";
import { findsPlace, placeContainer } from "./place-container.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** Names that are kept of what stays or rests; the rest is only counted by people who list the containers. */
const NAMES_MAX = 200;

/**
 * Looks at the containers that a node's drain or way back concerns, sends those that can go, and answers what is left. All
 * within the deciding transaction: what is sent takes its room, so that the next is judged on what is left.
 */
export function lookAtDuty(work: UnitOfWork, node: NodeRecord): { survey: DrainSurvey; leftNow: number } {
  return node.duty.value === "returning" ? lookAtWayBack(work, node) : lookAtDrain(work, node);
}

/** The item of a container that was sent just now: moving, or waiting for its turn. */
export function withTurn(work: UnitOfWork, item: DrainItem): DrainItem {
  const container = item.state === "moving" ? work.container(item.containerId) : undefined;
  if (!container || migrationStep(container) !== "queued") return item;
  return { ...item, state: "waiting", message: WAITS_FOR_ITS_TURN };
}

function lookAtDrain(work: UnitOfWork, node: NodeRecord): { survey: DrainSurvey; leftNow: number } {
  const { context } = node.duty;
  const nodeId = node.facts.id;
  const before = new Map(context.items.map((item) => [item.containerId, item]));
  const items: DrainItem[] = [];
  const staying: string[] = [];
  const resting: string[] = [];
  const here = [...work.room(nodeId).holders.keys()]
    .map((id) => work.container(id))
    .filter((container) => container !== undefined)
    .sort((a, b) => (a.facts.name < b.facts.name ? -1 : 1));
  for (const container of here) {
    const known = before.get(container.facts.id);
    const judged = judgeResident(resident(work, container, nodeId), known, work.atMs);
    if (judged === "stays") staying.push(container.facts.name);
    else if (judged === "rests") resting.push(container.facts.name);
    else items.push(judged === "try" ? trySending(work, container, node, known) : judged);
  }
  const present = new Set(here.map(({ facts }) => facts.id));
  const gone = context.items.filter(({ containerId }) => !present.has(containerId) && work.container(containerId));
  const moved = [...context.moved, ...gone.filter(({ own }) => own).map((item) => hasLeft(work, item))];
  const survey = { items, moved, staying: staying.slice(0, NAMES_MAX), resting: resting.slice(0, NAMES_MAX) };
  return { survey, leftNow: gone.length };
}

function resident(work: UnitOfWork, container: ContainerRecord, nodeId: string): Resident {
  const { context } = container.snapshot;
  const life = lifeState(container.snapshot);
  const migrating = migrationStatus(container.snapshot) === "migrating";
  const fromHere = context.move?.sourceNodeId === nodeId && context.placement?.nodeId === nodeId;
  return {
    containerId: container.facts.id,
    name: container.facts.name,
    ha: context.ha,
    life,
    active: context.desired === "running" && life !== "failed",
    movable: mayBeMoved(container),
    dataStays: context.localData && !context.allowDataLoss,
    // After the commit of a move its source is only cleaned up: it has left.
    migration: !migrating ? "none" : fromHere ? "from_here" : "to_here",
    queued: migrationStep(container) === "queued",
    ownMigration: context.move?.trigger === "drain",
    failure: failureOf(work.lastMove(container.facts.id)),
  };
}

function mayBeMoved({ snapshot }: ContainerRecord): boolean {
  return snapshot.can({ type: "MIGRATE", at: 0, trigger: "drain", targetNodeId: null, autoMigrate: false });
}

function migrationStep({ snapshot }: ContainerRecord): string {
  const value: unknown = snapshot.value.migration;
  const step: unknown = typeof value === "object" && value !== null ? Object.values(value)[0] : null;
  return typeof step === "string" ? step : "";
}

/** Begins its migration when placement knows a node for it; else says why none will do. */
function trySending(
  work: UnitOfWork,
  container: ContainerRecord,
  node: NodeRecord,
  before: DrainItem | undefined,
): DrainItem {
  const { id: containerId, name } = container.facts;
  const base = { containerId, name, attempts: before?.attempts ?? 0 };
  const wish = {
    kind: "place",
    purpose: "move",
    requestedNodeId: null,
    excludedNodeIds: [node.facts.id],
    avoidPorts: container.snapshot.context.avoidPorts,
    pinnedNodeId: null,
    homeNodeId: node.facts.id,
  } as const;
  if (!findsPlace(work, container, wish)) {
    const { decision } = placeContainer(work, container, wish);
    const retryAt = work.atMs + NO_TARGET_RETRY_MS;
    return { ...base, state: "blocked", code: "no_target", message: decision.summary, retryAt, own: false };
  }
  work.tellMigrate(containerId, "drain", null);
  return { ...base, state: "moving", code: "", message: "its migration is under way", retryAt: null, own: true };
}

function hasLeft(work: UnitOfWork, { containerId, name }: DrainItem): MovedContainer {
  const lastMove = work.container(containerId)?.snapshot.context.lastMove ?? 0;
  return { containerId, name, lastMove, returnMove: 0, attempts: 0 };
}

function lookAtWayBack(work: UnitOfWork, node: NodeRecord): { survey: DrainSurvey; leftNow: number } {
  const { context } = node.duty;
  const items: DrainItem[] = [];
  const moved: MovedContainer[] = [];
  for (const entry of context.moved) {
    const container = work.container(entry.containerId);
    const judged = judgeAbsent(entry, { container: container ? absent(container, node.facts.id) : null });
    if (judged === "settled" || !container || !mayReturn(container)) continue;
    const next = judged === "failed" ? failedReturn(entry, container) : entry;
    if (next.attempts >= RETURN_ATTEMPTS_MAX) {
      work.addEvent(givenUp(node, next));
      continue;
    }
    const outcome = judged === "wait" ? onItsWay(next) : tryBringingBack(work, container, node, next, context);
    items.push(outcome.item);
    moved.push(outcome.moved);
  }
  return { survey: { items, moved, staying: [], resting: [] }, leftNow: 0 };
}

function absent({ snapshot }: ContainerRecord, nodeId: string) {
  const { context } = snapshot;
  return {
    here: context.placement?.nodeId === nodeId,
    lastMove: context.lastMove,
    migrating: migrationStatus(snapshot) === "migrating",
  };
}

/** One that shall not run any more stays where it is. */
const mayReturn = ({ snapshot }: ContainerRecord): boolean => snapshot.context.desired === "running";

const failedReturn = (entry: MovedContainer, { snapshot }: ContainerRecord): MovedContainer => ({
  ...entry,
  attempts: entry.attempts + 1,
  lastMove: snapshot.context.lastMove,
  returnMove: 0,
});

const onItsWay = (moved: MovedContainer): { item: DrainItem; moved: MovedContainer } => {
  const { containerId, name, attempts } = moved;
  const message = "its migration is under way";
  return { moved, item: { containerId, name, state: "moving", code: "", message, attempts, retryAt: null, own: true } };
};

function tryBringingBack(
  work: UnitOfWork,
  container: ContainerRecord,
  node: NodeRecord,
  moved: MovedContainer,
  duty: DutyContext,
): { item: DrainItem; moved: MovedContainer } {
  const { containerId, name, attempts } = moved;
  const base = { containerId, name, attempts, own: false };
  const known = duty.items.find((item) => item.containerId === containerId);
  if (known && known.attempts === attempts && known.code === "migration_failed" && (known.retryAt ?? 0) > work.atMs) {
    return { moved, item: known };
  }
  if (known && known.attempts !== attempts) {
    const message = `its migration back failed: ${failureOf(work.lastMove(containerId)) || "see its migration history"}`;
    const retryAt = work.atMs + drainRetryMs(attempts);
    return { moved, item: { ...base, state: "blocked", code: "migration_failed", message, retryAt } };
  }
  if (node.snapshot.value !== "healthy") {
    const message = `${node.facts.name} is ${node.snapshot.value}; it returns once the node is healthy`;
    return { moved, item: { ...base, state: "waiting", code: "", message, retryAt: null } };
  }
  if (!mayBeMoved(container)) {
    const message = `it is ${lifeState(container.snapshot)}; it returns once it runs`;
    return { moved, item: { ...base, state: "waiting", code: "", message, retryAt: null } };
  }
  const { decision } = placeContainer(work, container, {
    kind: "place",
    purpose: "move",
    requestedNodeId: node.facts.id,
    excludedNodeIds: [],
    avoidPorts: container.snapshot.context.avoidPorts,
    pinnedNodeId: null,
    homeNodeId: container.snapshot.context.placement?.nodeId ?? null,
  });
  if (decision.chosenNodeId === null) {
    const reason = decision.candidates.find(({ nodeId }) => nodeId === node.facts.id)?.reason ?? decision.summary;
    const retryAt = work.atMs + NO_TARGET_RETRY_MS;
    return { moved, item: { ...base, state: "blocked", code: "no_target", message: reason, retryAt } };
  }
  const targetNodeId = node.facts.id;
  work.tellMigrate(containerId, "failback", targetNodeId);
  const returnMove = work.container(containerId)?.snapshot.context.lastMove ?? 0;
  return onItsWay({ ...moved, returnMove });
}

const givenUp = (node: NodeRecord, { containerId, name, attempts }: MovedContainer) => ({
  type: "node.return_given_up",
  severity: "warning" as const,
  message: `${name} stays where it is: ${attempts} migrations back to ${node.facts.name} failed`,
  nodeId: node.facts.id,
  containerId,
  migrationId: null,
  data: {},
});
