import type { HandlerContext } from "@connectrpc/connect";
import { ContainerType, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type UpdateContainerRequest, UpdateContainerRequestSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { CRASHES_BEFORE_MOVE } from "../../domain/container/command-budget.ts";
import { Refusal } from "../../domain/refusal.ts";
import { sameText, type WrappedKey } from "../../domain/sealed-text.ts";
import type { WorkloadSpec } from "../../domain/workload.ts";
import type { EggDefinition } from "../../eggs/egg-definition.ts";
import { startupVariable } from "../../eggs/panel-startup.ts";
import { resolveWorkload } from "../../eggs/resolve-workload.ts";
import type { ContainerChange, RemadeContainer } from "../../runtime/operations.ts";
import type { Granted } from "../../runtime/operator-wishes.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import { sealWorkload } from "../../secrets/seal-workload.ts";
import { containerKey } from "../../store/master-key-store.ts";
import { type ContainerReading, containerNamed, containersById } from "../../store/read-model/container-readings.ts";
import { eggById } from "../../store/read-model/egg-readings.ts";
import { foretoldContainer } from "../../store/read-model/foretold-readings.ts";
import type { Caller } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { type Maskable, unmasked } from "../field-mask.ts";
import { confinedTo, mustSee } from "../sight.ts";
import { carryOut } from "./carry-out.ts";
import { refusalOf, restartPriority, wantedDemands, wantedResources } from "./container-wish.ts";
import { noSuchEgg } from "./egg-lookup.ts";
import { type GivenEnvironment, givenEnvironment, openEnvironment } from "./given-environment.ts";
import { heldQuotas } from "./held-quotas.ts";
import { withoutForeignNames } from "./n-plus-one-words.ts";
import { callerOf, found, oneLook, type PlaneContext, read, requestedBy } from "./plane-context.ts";
import { demandReserved, type TouchedVariables } from "./reserved-environment.ts";

/** Cleared is as a new container is. */
const MASKABLE: Maskable<typeof UpdateContainerRequestSchema> = {
  cleared: {
    preferredCluster: "",
    allowDataLoss: false,
    restartPriority: RestartPriority.NORMAL,
    crashesBeforeMove: CRASHES_BEFORE_MOVE,
    constraints: {},
    architectures: {},
  },
  needed: ["type", "resources"],
  changes: ["setEnvironment", "unsetEnvironment", "setSecretEnvironment", "pullImage"],
};

/**
 * Resolves a change against the container as it is and its egg as it is, and hands it to Operations. Resolves with the container as it
 * is after it, or would be where the request only validates.
 */
export async function updateContainer(
  plane: PlaneContext,
  given: UpdateContainerRequest,
  context: HandlerContext,
): Promise<{ readonly seen: ContainerReading | undefined } & Granted> {
  const request = unmasked(UpdateContainerRequestSchema, given, MASKABLE);
  const caller = callerOf(context);
  const { id, name, place } = await mustSee(oneLook(plane), caller, "container", request.id, "id");
  const clusterId = await permittedCluster(plane, request, caller, id);
  const demands = wantedDemands({ constraints: request.constraints?.all, architectures: request.architectures?.any });
  const { row, secretKey, egg } = await read(plane, async (snapshot) => {
    const { row }: ContainerReading = await containerNamed(snapshot.em, id, "id");
    return { row, secretKey: await containerKey(snapshot.em, id), egg: await eggById(snapshot, row.eggId) };
  });
  if (request.type === ContainerType.HA && !row.ha) {
    demand(caller, "container:ha:create", { place, what: `container ${name}` });
  }
  const definition = found(egg, () => noSuchEgg("unknown_egg", row.eggId, "id")).row.definition;
  demandReserved(caller, definition, touchedBy(request), { place, what: `container ${name}` });
  const { etag } = request;
  const quotas = await heldQuotas(plane, context, row.owner);
  const change = {
    etag,
    quotas,
    tuning: tuning(request, clusterId),
    demands,
    ...(request.pullImage ? { pullImage: true } : {}),
    remake: remade(plane.keyring, request, { row, secretKey }, definition),
  };
  const by = requestedBy(context);
  const { answer, seen } = await carryOut(
    plane,
    request,
    ({ operations }) => withoutForeignNames(caller, () => operations.updateContainer(id, change, by)),
    {
      stored: async () => (await containersById(oneLook(plane), [id])).get(id),
      foretold: (fleet, asOf) => foretoldContainer(fleet, id, asOf) ?? undefined,
    },
  );
  const { remake } = change;
  const replaced = remake === null ? [] : replacedNotes(name, row.spec, remake.spec, definition);
  return { ...answer, notes: [...replaced, ...(answer.notes ?? [])], seen };
}

function touchedBy(request: UpdateContainerRequest): TouchedVariables[] {
  return [
    { field: "set_environment", names: Object.keys(request.setEnvironment) },
    { field: "set_secret_environment", names: Object.keys(request.setSecretEnvironment) },
    { field: "unset_environment", names: request.unsetEnvironment },
  ];
}

/** The cluster to prefer, where the caller may change containers; to prefer none he must have that for more than some clusters. */
async function permittedCluster(
  plane: PlaneContext,
  { preferredCluster }: UpdateContainerRequest,
  caller: Caller,
  containerId: string,
): Promise<string | null> {
  if (preferredCluster === undefined) return null;
  if (preferredCluster === "") {
    if (confinedTo(caller, ["container:update"], containerId) !== null) demand(caller, "container:update");
    return null;
  }
  const cluster = await mustSee(oneLook(plane), caller, "cluster", preferredCluster, "preferred_cluster", "unknown");
  demand(caller, "container:update", { place: cluster.place, what: `cluster ${cluster.name}` });
  return cluster.id;
}

function tuning(request: UpdateContainerRequest, clusterId: string | null): ContainerChange["tuning"] {
  const { preferredCluster, allowDataLoss, crashesBeforeMove } = request;
  const priority = restartPriority(request.restartPriority);
  return {
    ...(preferredCluster === undefined ? {} : { preferredClusterId: clusterId }),
    ...(allowDataLoss === undefined ? {} : { allowDataLoss }),
    ...(priority === null ? {} : { priority }),
    ...(crashesBeforeMove === undefined ? {} : { crashesBeforeMove }),
  };
}

/** What the next copy is made with; null when nothing of that is asked to be other than it is. */
function remade(
  keyring: Keyring,
  request: UpdateContainerRequest,
  { row, secretKey }: { row: ContainerReading["row"]; secretKey: WrappedKey | null },
  egg: EggDefinition,
): RemadeContainer | null {
  const { ha: wasHa, environment: envBefore, cpuMillis, memoryBytes, diskBytes } = row;
  const ha = request.type === ContainerType.UNSPECIFIED ? wasHa : request.type === ContainerType.HA;
  const asked = wantedResources(request.resources);
  // What is zero was not asked for, here as at the creation; it may be zero all the same, and stays it.
  const resources = {
    cpuMillis: asked.cpuMillis || cpuMillis,
    memoryBytes: asked.memoryBytes || memoryBytes,
    diskBytes: asked.diskBytes || diskBytes,
  };
  const resized =
    resources.cpuMillis !== cpuMillis || resources.memoryBytes !== memoryBytes || resources.diskBytes !== diskBytes;
  const given = givenEnvironment(request.setEnvironment, request.setSecretEnvironment, {
    plain: "set_environment",
    secret: "set_secret_environment",
  });
  const asksForEnvironment = Object.keys(given.all).length > 0 || request.unsetEnvironment.length > 0;
  if (ha === wasHa && !resized && !asksForEnvironment) return null;
  const after = environmentAfter(keyring, request, given, { row, secretKey });
  refuseStale(egg, after, given.all);
  const resolved = resolveWorkload(egg, {
    environment: after,
    resources,
    image: imageOf(egg, row.spec.image),
    startupCommand: commandOf(egg, row),
    tty: row.spec.tty ?? false,
    hostPorts: Object.fromEntries(
      row.spec.ports.flatMap(({ name, fixedHostPort }) => (fixedHostPort === null ? [] : [[name, fixedHostPort]])),
    ),
  });
  if (!resolved.ok) {
    throw refusalOf(
      resolved.problems.map((problem) => ({
        ...problem,
        field: problem.field.replace(/^environment(?=\.(.*)|$)/, (_, name: string | undefined) =>
          given.secret.has(name ?? "") ? "setSecretEnvironment" : "setEnvironment",
        ),
      })),
    );
  }
  const sealed = sealWorkload(resolved, {
    keyring,
    egg,
    environment: after,
    marked: given.secret,
    given: new Set(Object.keys(given.all)),
    before: { environment: envBefore, secretKey },
  });
  const names = new Set([...Object.keys(envBefore), ...Object.keys(after)]);
  // Whoever gives a secret asks for a change, whatever the value: it was sealed anew.
  const isAsBefore = [...names].every((name) => sameText(envBefore[name], sealed.environment[name]));
  if (ha === wasHa && !resized && isAsBefore) return null;
  const before = { ha: wasHa, resources: { cpuMillis, memoryBytes, diskBytes }, environment: envBefore };
  return { ha, ...sealed, spec: withItsInstall(sealed.spec, row.spec), resources, before };
}

/**
 * A container that was made before install scripts were run has its files, from wherever: they are not put in their place by an
 * edit of something else.
 */
function withItsInstall(spec: WorkloadSpec, before: WorkloadSpec): WorkloadSpec {
  if (!spec.equipment?.install || before.equipment?.install) return spec;
  return { ...spec, equipment: { ...spec.equipment, install: null } };
}

/** The environment afterwards, plain. Refuses what would be two things at once. */
function environmentAfter(
  keyring: Keyring,
  { unsetEnvironment }: UpdateContainerRequest,
  given: GivenEnvironment,
  { row, secretKey }: { row: ContainerReading["row"]; secretKey: WrappedKey | null },
): Record<string, string> {
  const unset = new Set(unsetEnvironment);
  const both = [...unset].find((name) => Object.hasOwn(given.all, name));
  if (both !== undefined) throw unusable(`${both} is to be set and unset at once`, "Name it once.");
  const stays = (name: string): boolean => !unset.has(name) && !Object.hasOwn(given.all, name);
  return { ...openEnvironment(keyring, row.environment, secretKey, stays), ...given.all };
}

/** A value that was given before the egg lost its variable stands in the way of the next copy; what was just given is judged with the rest. */
function refuseStale(
  egg: EggDefinition,
  environment: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): void {
  const known = new Set(egg.variables.map(({ name }) => name));
  const stale = Object.keys(environment).find((name) => !known.has(name) && !Object.hasOwn(given, name));
  if (stale === undefined) return;
  throw unusable(`egg ${egg.id} has no variable ${stale} any more`, `Unset it as well: --unset ${stale}.`);
}

function unusable(reason: string, nextStep: string): Refusal {
  return new Refusal("invalid_argument", `unset_environment: ${reason}.`, nextStep, { field: "unset_environment" });
}

/** The image that it was made with; empty where the egg does not have it any more, which stands for the egg's first. */
function imageOf({ image, images = [] }: EggDefinition, present: string): string {
  return present === image || images.some((one) => one.image === present) ? present : "";
}

/** What its egg has no more, and what the next copy gets in its place. */
function replacedNotes(name: string, was: WorkloadSpec, is: WorkloadSpec, egg: EggDefinition): string[] {
  const notes: string[] = [];
  if (is.image !== was.image) notes.push(`${name} gets the image ${is.image}: its egg has ${was.image} no more`);
  if (egg.panel !== undefined && !sameText(is.env["STARTUP"], was.env["STARTUP"])) {
    notes.push(`${name} gets the startup command that its egg has now: the one that it was made with is gone`);
  }
  return notes;
}

/**
 * The name of the startup command that it was made with; empty for an egg without a choice. Where that has gone, the only one that there
 * is; refused where there are several.
 */
function commandOf(egg: EggDefinition, { name, spec }: ContainerReading["row"]): string {
  const commands = egg.panel?.startupCommands ?? [];
  if (commands.length === 0) return "";
  const same = commands.find(({ command }) => startupVariable(command) === spec.env["STARTUP"]);
  const chosen = same ?? (commands.length === 1 ? commands[0] : undefined);
  if (chosen) return chosen.name;
  throw new Refusal(
    "invalid_argument",
    `The startup command that "${name}" was made with is not among the ${commands.length} of its egg any more.`,
    "Delete the container and create it again.",
    { field: "id" },
  );
}
