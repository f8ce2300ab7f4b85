import type { ContainerEvent } from "../domain/container/container-events.ts";
import type { ContainerSnapshot } from "../domain/container/container-machine.ts";
import { lifeState } from "../domain/container/container-status.ts";
import type { DutyEvent } from "../domain/maintenance/duty-context.ts";
import type { ContainerRecord, NodeRecord } from "./fleet-view.ts";

// One id leads from a request to all that follows from it, also in later decisions: a container and a duty keep the id of what they
// are at work for. The statecharts know nothing of it.

/** How ids of decisions that no request is behind begin; a caller cannot name a request so. */
export const OWN_ID_PREFIX = "decision-";

/** What somebody wishes of a container; it is at work for him from then on. */
const WISHES: ReadonlySet<ContainerEvent["type"]> = new Set([
  "CREATED",
  "WANT",
  "RESTART",
  "REINSTALL",
  "MIGRATE",
  "CANCEL",
]);

/** With what a migration that nobody wished is the next try of the one before, which found no node. */
const TRIES_AGAIN: ReadonlySet<ContainerEvent["type"]> = new Set(["ROOM", "DEADLINE"]);

/** States of its life in which a container is at work for nobody: what happens next begins something. */
const AT_REST: ReadonlySet<string> = new Set(["fresh", "running", "unknown", "failed", "lost", "stopped"]);

/**
 * The id under which a container takes an event, told in a decision of this id, to be `after`: a wish, and what begins with the
 * decision, go under the decision's; what only goes on, under the one that it began with. A migration that nobody wished begins
 * something, whatever the container was at; one that is tried again goes on.
 */
export function requestBehind(
  { snapshot, requestId }: ContainerRecord,
  event: ContainerEvent,
  after: ContainerSnapshot,
  decision: string,
): string {
  if (requestId === "" || WISHES.has(event.type)) return decision;
  const isMoved = after.context.lastMove !== snapshot.context.lastMove;
  if (isMoved && !TRIES_AGAIN.has(event.type)) return decision;
  return AT_REST.has(lifeState(snapshot)) ? decision : requestId;
}

/** The same for a node's duty: what nobody asks of it now goes on with what was asked before. */
export function requestBehindDuty({ dutyRequestId }: NodeRecord, event: DutyEvent, decision: string): string {
  const goesOn = event.type === "LOOKED" || event.type === "DEADLINE";
  return goesOn && dutyRequestId !== "" ? dutyRequestId : decision;
}
