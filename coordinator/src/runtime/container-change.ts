import { parseImage } from "@lormas/wire/image-reference.ts";
import { type ContainerContext, type ContainerTuning, demandsOf } from "../domain/container/container-context.ts";
import { Refusal } from "../domain/refusal.ts";
import { amountText, type Resources } from "../domain/resources.ts";
import type { MaybeSealed } from "../domain/sealed-text.ts";
import type { WorkloadSpec } from "../domain/workload.ts";
import { madeWith } from "./container-demand.ts";
import { containerDifferences } from "./container-differences.ts";
import { refuseUnlessAtRest } from "./container-refusals.ts";
import type { ContainerRecord } from "./fleet-view.ts";
import type { ContainerChange, RemadeContainer } from "./operations.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/**
 * Changes a container that neither moves nor is being removed. What a copy is made with changes only while none can run, so that
 * what is known of a copy is always true of it. A change that changes nothing makes no job. Refusals: not_stopped, no_target, invalid_argument.
 */
export function changeContainer(
  work: UnitOfWork,
  jobId: string,
  container: ContainerRecord,
  change: ContainerChange,
  by: string,
): void {
  const { id, name } = container.facts;
  const { remake } = change;
  const tuning = tuningOf(container.snapshot.context, change);
  const said = containerDifferences(work, container, tuning, remake);
  if (change.pullImage === true) said.push("its next start asks the registry for its image");
  if (remake) {
    refuseUnlessAtRest(container);
    remakeContainer(work, container, remake);
  }
  if (change.pullImage === true) renewImage(work, id);
  if (said.length === 0) return;
  work.jobs.done({ id: jobId, kind: "update", requestedBy: by }, container);
  work.tellContainer(id, { type: "TUNE", at: work.atMs, change: tuning });
  work.addEvent({
    type: "container.updated",
    severity: "info",
    message: `${name} was changed by ${by}: ${said.join(", ")}`,
    nodeId: container.snapshot.context.placement?.nodeId ?? null,
    containerId: id,
    migrationId: null,
    data: { by },
  });
  // What waits for room may ask for less now.
  work.lookAgain();
}

/** Its next start is of what the image's name stands for then. */
function renewImage(work: UnitOfWork, id: string): void {
  const container = work.container(id);
  if (!container) return;
  const { name, spec, imagePin } = container.facts;
  const { image } = spec;
  if (image === "" || parseImage(image).digest !== "") {
    const why =
      image === "" ? "has no image" : `has its image by its digest, which always stands for the same: ${image}`;
    throw new Refusal("invalid_argument", `${name} ${why}`, "leave pull_image out", { field: "pull_image" });
  }
  const known = imagePin?.image === image ? imagePin : { image, digest: "", note: "" };
  work.setContainer(id, { ...container, facts: { ...container.facts, imagePin: { ...known, renew: true } } });
}

/** What is changed of its demands becomes part of all of them, as they are now. */
function tuningOf(context: ContainerContext, { tuning, demands }: ContainerChange): ContainerTuning {
  return demands ? { ...tuning, demands: { ...demandsOf(context), ...demands } } : tuning;
}

function remakeContainer(work: UnitOfWork, container: ContainerRecord, remake: RemadeContainer): void {
  const { id, name, eggId } = container.facts;
  const { placement, ha, resources } = container.snapshot.context;
  const { secretKey } = container.facts;
  const isAsBefore = textOf({ ha, resources, environment: container.facts.environment }) === textOf(remake.before);
  // Another key would not open what is sealed already.
  if (!isAsBefore || (secretKey !== null && secretKey.id !== remake.secretKey?.id)) {
    throw new Refusal("busy", `${name} was changed by somebody else at the same moment`, "look at it and try again", {
      retryAfterMs: 500,
    });
  }
  if (placesOf(container.facts.spec) !== placesOf(remake.spec)) {
    throw new Refusal(
      "invalid_argument",
      `the ports or volumes of ${eggId} have changed since ${name} was made of it`,
      "delete the container and create it again",
    );
  }
  if (remake.ha && !ha && placement) refuseUnfit(work, placement.nodeId, name);
  const held = placement && work.room(placement.nodeId).holders.get(id);
  if (placement && held) {
    refuseWithoutRoom(work, placement.nodeId, name, held.resources, remake.resources);
    work.hold(id, placement.nodeId, { ...held, resources: remake.resources });
  }
  const { environment, spec } = remake;
  work.setContainer(id, {
    ...container,
    facts: { ...container.facts, environment, secretKey: remake.secretKey ?? null, spec },
  });
  work.tellContainer(id, { type: "REMAKE", at: work.atMs, change: madeWith(remake) });
}

/** It starts again where it is placed, past the choice of a node: that node must be one that takes HA containers. */
function refuseUnfit(work: UnitOfWork, nodeId: string, name: string): void {
  const node = work.node(nodeId)?.facts;
  if (!node || (node.guarded && node.clockSound)) return;
  const why = node.guarded ? "its clock runs too fast or too slow for a lease to hold" : "no guard holds its lease";
  throw new Refusal(
    "no_target",
    `${node.name}, where ${name} is placed, takes no HA containers: ${why}`,
    "look at the node's alert, and try again once it is over",
    { field: "type" },
  );
}

function refuseWithoutRoom(work: UnitOfWork, nodeId: string, name: string, held: Resources, wanted: Resources): void {
  const node = work.node(nodeId);
  if (!node) return;
  const { allocated } = work.room(nodeId);
  const { capacity } = node.facts;
  const lacking = (["cpuMillis", "memoryBytes", "diskBytes"] as const).filter(
    (key) => wanted[key] > held[key] && allocated[key] - held[key] + wanted[key] > capacity[key],
  );
  if (lacking.length === 0) return;
  const free = lacking.map((key) => amountText(key, capacity[key] - allocated[key] + held[key])).join(", ");
  throw new Refusal(
    "no_target",
    `${node.facts.name}, where ${name} is placed, has no room for it: it could have ${free}`,
    "free room there, or ask for less",
    { field: "resources" },
  );
}

const sorted = (environment: Readonly<Record<string, MaybeSealed>>): [string, MaybeSealed][] =>
  Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));

const textOf = ({ ha, resources, environment }: RemadeContainer["before"]): string =>
  JSON.stringify([ha, resources.cpuMillis, resources.memoryBytes, resources.diskBytes, sorted(environment)]);

/** What ties a container to a node: its ports there, and its data. */
const placesOf = ({ ports, volumes }: WorkloadSpec): string =>
  JSON.stringify([
    ports.map(({ name, containerPort, protocol, fixedHostPort }) => [name, containerPort, protocol, fixedHostPort]),
    volumes.map(({ name, path, kind }) => [name, path, kind]),
  ]);
