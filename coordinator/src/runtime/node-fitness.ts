import { CLOCK_DIFFERENCE_MAX } from "@lormas/lease/clock-rate.ts";
import { alertKey } from "../domain/alert/alert.ts";
import { labelsText } from "../domain/node/node-labels.ts";
import type { NodeFacts } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** What of a node decides on placement, in one text to compare. */
export function placementFacts(facts: NodeFacts): string {
  const { schedulable, revokedAtMs, guarded, clockSound, runtimeReady, runtime, architecture, labels, capacity } =
    facts;
  const { portPoolMin, portPoolMax } = facts;
  return [
    schedulable,
    revokedAtMs,
    guarded,
    clockSound,
    runtimeReady,
    runtime,
    architecture,
    labelsText(labels),
    capacity.cpuMillis,
    capacity.memoryBytes,
    capacity.diskBytes,
    portPoolMin,
    portPoolMax,
  ].join();
}

/** A node that is heard and has no guard takes no HA containers; one that has got it back does. */
export function noteGuard(work: UnitOfWork, { id, name, guarded }: NodeFacts): void {
  if (guarded) return work.resolveAlert("node_unguarded", { id });
  if (work.unresolvedAlert(alertKey("node_unguarded", id))) return;
  work.raiseAlert({
    kind: "node_unguarded",
    severity: "error",
    subject: { kind: "node", id },
    message: `${name} has no guard: nothing would end its HA containers if its agent hung, so it takes none`,
    nextStep: "look at the agent's log on that host and restart the agent",
  });
}

/** A node that went away during its maintenance is missed from the end of it on. */
export function noteMissing(work: UnitOfWork, nodeId: string): void {
  const node = work.node(nodeId);
  if (node?.snapshot.value !== "dead" || work.unresolvedAlert(alertKey("node_dead", nodeId))) return;
  work.raiseAlert({
    kind: "node_dead",
    severity: "warning",
    subject: { kind: "node", id: nodeId },
    message: `${node.facts.name} is in service again and not there: it left during its maintenance`,
    nextStep: "start its agent, or drain it again if the host is to stay away",
  });
}

/** A node whose clock runs so wrong that leases do not hold on it takes no HA containers until it is sound again. */
export function noteClock(work: UnitOfWork, { id, name, clockSound }: NodeFacts): void {
  if (clockSound) return work.resolveAlert("clock_rate", { id });
  if (work.unresolvedAlert(alertKey("clock_rate", id))) return;
  work.raiseAlert({
    kind: "clock_rate",
    severity: "error",
    subject: { kind: "node", id },
    message:
      `${name}'s clock runs more than ${CLOCK_DIFFERENCE_MAX * 100} % faster or slower than this coordinator's: ` +
      "its lease might end too late, so it takes no HA containers",
    nextStep: "look at the time daemon and the clock source of that host, and of the coordinator's",
  });
}
