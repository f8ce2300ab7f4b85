import type { ContainerContext } from "@lormas/coordinator/domain/container/container-context.ts";
import { containerMachine } from "@lormas/coordinator/domain/container/container-machine.ts";
import { lifeState, migrationStatus } from "@lormas/coordinator/domain/container/container-status.ts";
import { migrationId } from "@lormas/coordinator/runtime/deterministic-id.ts";
import type { Operator } from "../fleet/operator.ts";
import type { SimulatedFleet } from "../fleet/simulated-fleet.ts";

/** A container waits for room: placed nowhere yet, or on a node that is dead. */
const WITHOUT_ROOM: ReadonlySet<string> = new Set(["unplaced", "stranded"]);

/**
 * What is not as it should be in a fleet without faults, or with none but what has befallen the `lost` hosts for good, which the
 * others do without; empty when it is at rest.
 */
export function restProblems(fleet: SimulatedFleet, operator: Operator, lost: ReadonlySet<string>): string[] {
  const stored = fleet.database.fleet;
  const problems: string[] = [];
  for (const {
    facts,
    snapshot: { text },
  } of stored.containers.values()) {
    const snapshot = containerMachine.resolveState(JSON.parse(text));
    const life = lifeState(snapshot);
    const { context } = snapshot;
    const copies = fleet.witness.runningOn(facts.id);
    const where = copies.map(({ host }) => host).join() || "nothing";
    const say = (what: string) => problems.push(`${facts.name} is ${life} and runs on ${where}: ${what}`);
    if (migrationStatus(snapshot) === "migrating") say(`its migration is not over (${JSON.stringify(snapshot.value)})`);
    else if (context.desired === "running") {
      if (life === "failed") operator.startAgain(facts.id);
      const cancelled = operator.told.askedToCancel.has(migrationId(facts.id, context.lastMove));
      const leftThere = operator.told.switchedMigration || cancelled;
      if (life === "lost" && context.ha && leftThere) operator.moveAgain(facts.id);
      if (life === "running" && copies.length === 1) {
        const home = fleet.nodes.find(({ nodeId }) => nodeId === context.placement?.nodeId);
        if (copies[0]?.host !== home?.name) say(`it should run on ${home?.name}`);
      } else if (
        context.ha &&
        !((WITHOUT_ROOM.has(life) || (life === "lost" && leftThere)) && fitsNowhere(fleet, context, lost))
      )
        say(`it should run (${context.reason})`);
    } else if (context.desired === "stopped") {
      // No lease ends a standard container on a host that is cut off for good, and no command reaches it.
      const left = copies.filter(({ host }) => context.ha || !lost.has(host));
      if (life !== "stopped" || left.length > 0) say("it should be stopped");
    } else if (context.desired === "removed") say("it should be gone");
    const told = operator.told.desired(facts.id);
    if (told !== null && told !== context.desired)
      say(`people were told that it is to be ${told}, not ${context.desired}`);
  }
  for (const [id, { outcome, state }] of stored.migrations) {
    if (outcome === "running") problems.push(`migration ${id} stays in ${state}`);
    if (outcome === "completed" && operator.told.cancelled.has(id))
      problems.push(`migration ${id} was completed after its cancelling was acknowledged`);
  }
  for (const containerId of operator.told.containers) {
    if (!stored.containers.has(containerId))
      problems.push(`container ${containerId} was acknowledged and is not there`);
  }
  const cluster = stored.clusters.get(fleet.clusterId);
  if (!cluster?.autoMigrate || cluster.nPlusOne !== "off" || !cluster.policy.survival) {
    problems.push("the cluster is not set as it was in the beginning");
    operator.restoreCluster();
  }
  for (const { name, nodeId } of fleet.nodes) {
    if (lost.has(name)) continue;
    const node = stored.nodes.get(nodeId);
    if (node && !node.duty.text.includes('"value":"in_service"')) {
      problems.push(`${name} is not in service`);
      operator.putIntoService(nodeId);
    }
    if (node && Object.keys(node.facts.labels).length > 0) {
      problems.push(`${name} is labelled`);
      operator.takeLabelsAway(nodeId);
    }
    if (node && !node.snapshot.text.includes('"value":"healthy"')) problems.push(`${name} is not healthy`);
    const pending = stored.pendingOf(nodeId);
    if (pending.length > 0) problems.push(`${name} has ${pending.length} commands without a result: ${pending[0]}`);
  }
  return problems;
}

function fitsNowhere(fleet: SimulatedFleet, { resources }: ContainerContext, lost: ReadonlySet<string>): boolean {
  const stored = fleet.database.fleet;
  return fleet.nodes.every(({ nodeId, name }) => {
    const node = stored.nodes.get(nodeId);
    if (lost.has(name) || node?.facts.clockSound === false) return true;
    let free = node?.facts.capacity.cpuMillis ?? 0;
    for (const held of stored.holdings.values()) {
      for (const { nodeId: holder, holding } of held) if (holder === nodeId) free -= holding.resources.cpuMillis;
    }
    return free < resources.cpuMillis;
  });
}
