import { type ContainerTuning, demandsOf } from "../domain/container/container-context.ts";
import { constraintTexts } from "../domain/placement/node-demands.ts";
import { amountText, type Resources } from "../domain/resources.ts";
import { sameText } from "../domain/sealed-text.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";
import type { RemadeContainer } from "./operations.ts";

const AMOUNTS = ["cpuMillis", "memoryBytes", "diskBytes"] as const satisfies readonly (keyof Resources)[];

/** What a change makes other than it is, for people: "type HA (was standard)". Never a value that may be secret. */
export function containerDifferences(
  fleet: FleetView,
  container: ContainerRecord,
  tuning: ContainerTuning,
  remake: RemadeContainer | null,
): string[] {
  return [...tuned(fleet, container, tuning), ...(remake ? remade(container, remake) : [])];
}

function tuned(fleet: FleetView, { snapshot }: ContainerRecord, tuning: ContainerTuning): string[] {
  const { context } = snapshot;
  const after = { ...context, ...tuning };
  const said: string[] = [];
  if (after.preferredClusterId !== context.preferredClusterId) {
    const { preferredClusterId: id } = after;
    said.push(`preferred cluster ${id === null ? "none" : (fleet.cluster(id)?.name ?? id)}`);
  }
  if (after.priority !== context.priority) said.push(`priority ${after.priority} (was ${context.priority})`);
  if (after.crashesBeforeMove !== context.crashesBeforeMove) {
    said.push(`moves after ${after.crashesBeforeMove} failures (was ${context.crashesBeforeMove})`);
  }
  const [demands, asked] = [demandsOf(after), demandsOf(context)];
  const constraints = constraintTexts(demands).join("; ");
  if (constraints !== constraintTexts(asked).join("; ")) {
    said.push(constraints === "" ? "no constraints" : `constraints ${constraints}`);
  }
  const architectures = demands.architectures.join(" or ");
  if (architectures !== asked.architectures.join(" or ")) {
    said.push(`architecture ${architectures || "any"}`);
  }
  if (after.allowDataLoss !== context.allowDataLoss) {
    said.push(`data loss ${after.allowDataLoss ? "allowed" : "not allowed"}`);
  }
  return said;
}

function remade({ facts, snapshot }: ContainerRecord, { ha, resources, environment, spec }: RemadeContainer): string[] {
  const { context } = snapshot;
  const said: string[] = [];
  if (ha !== context.ha) said.push(`type ${ha ? "HA (was standard)" : "standard (was HA)"}`);
  for (const name of AMOUNTS) {
    const [is, was] = [resources[name], context.resources[name]];
    if (is !== was) said.push(`${amountText(name, is)} (was ${amountText(name, was)})`);
  }
  const names = [...new Set([...Object.keys(facts.environment), ...Object.keys(environment)])].sort();
  const changed = names.filter((name) => !sameText(facts.environment[name], environment[name]));
  if (changed.length > 0) said.push(`environment ${changed.join(", ")}`);
  if (spec.image !== facts.spec.image) said.push(`image ${spec.image} (was ${facts.spec.image})`);
  return said;
}
