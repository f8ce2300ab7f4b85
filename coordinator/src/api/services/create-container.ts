import type { HandlerContext } from "@connectrpc/connect";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CreateContainerRequest } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { NO_DEMANDS } from "../../domain/placement/node-demands.ts";
import { Refusal } from "../../domain/refusal.ts";
import { resolveWorkload } from "../../eggs/resolve-workload.ts";
import type { Permission } from "../../permissions/permission.ts";
import type { NewContainer } from "../../runtime/operations.ts";
import type { Granted } from "../../runtime/operator-wishes.ts";
import { sealWorkload } from "../../secrets/seal-workload.ts";
import { type ContainerReading, containersById, isNameTaken } from "../../store/read-model/container-readings.ts";
import { eggById } from "../../store/read-model/egg-readings.ts";
import { foretoldContainer } from "../../store/read-model/foretold-readings.ts";
import { isPlain } from "../../store/read-model/lookup.ts";
import type { Snapshot } from "../../store/read-model/snapshot.ts";
import { type Caller, newIdKey } from "../call-context.ts";
import { type Concerned, demand } from "../demand-permission.ts";
import { confinedTo, mustSee } from "../sight.ts";
import { carryOut } from "./carry-out.ts";
import { refusalOf, restartPriority, wantedDemands, wantedResources } from "./container-wish.ts";
import { noSuchEgg } from "./egg-lookup.ts";
import { givenEnvironment } from "./given-environment.ts";
import { heldQuotas } from "./held-quotas.ts";
import { withoutForeignNames } from "./n-plus-one-words.ts";
import { callerOf, found, oneLook, type PlaneContext, read, requestedBy } from "./plane-context.ts";
import { demandReserved, type TouchedVariables } from "./reserved-environment.ts";

/**
 * Resolves the wish against its egg and hands it to Operations. Everything that can be refused by looking at it is refused
 * here; what only the deciding transaction can know (name, ports) is refused there. Resolves with the container as it was stored, or
 * would be where the request only validates.
 */
export async function createContainer(
  plane: PlaneContext,
  request: CreateContainerRequest,
  context: HandlerContext,
): Promise<{ readonly seen: ContainerReading | undefined } & Granted> {
  const caller = callerOf(context);
  const preferred = await permittedCluster(plane, request, caller);
  const egg = await read(plane, async (snapshot) => {
    const reading = isPlain(request.eggId) ? await eggById(snapshot, request.eggId) : null;
    const definition = found(reading, () => noSuchEgg("unknown_egg", request.eggId, "egg_id")).row.definition;
    await refuseTakenName(snapshot, request.name, context.values.get(newIdKey));
    return definition;
  });
  const given = givenEnvironment(request.environment, request.secretEnvironment, {
    plain: "environment",
    secret: "secret_environment",
  });
  demandReserved(caller, egg, touchedBy(request), preferred ?? undefined);
  const resolved = resolveWorkload(egg, {
    environment: given.all,
    hostPorts: request.hostPorts,
    resources: wantedResources(request.resources),
    image: request.image,
    startupCommand: request.startupCommand,
    ...(request.tty === undefined ? {} : { tty: request.tty }),
  });
  if (!resolved.ok) throw refusalOf(resolved.problems);
  const { constraints, architectures } = request;
  // Read alone first: what is wrong is the request's, or else the egg's.
  wantedDemands({ constraints, architectures });
  const demands = wantedDemands({
    constraints: [...(egg.constraints ?? []), ...constraints],
    architectures: architectures.length > 0 ? architectures : (egg.architectures ?? []),
  });
  const sealed = sealWorkload(resolved, {
    keyring: plane.keyring,
    egg,
    environment: given.all,
    marked: given.secret,
    given: new Set(Object.keys(given.all)),
    before: null,
  });
  const owner = callerOf(context).person;
  const newId = context.values.get(newIdKey);
  const wish: NewContainer = {
    ...(newId === null ? {} : { id: newId }),
    name: request.name,
    eggId: egg.id,
    ha: request.type === ContainerType.HA,
    preferredClusterId: preferred?.id ?? null,
    resources: resolved.resources,
    ...sealed,
    owner,
    quotas: await heldQuotas(plane, context, owner),
    desired: request.createStopped ? "stopped" : "running",
    allowDataLoss: request.allowDataLoss,
    priority: restartPriority(request.restartPriority) ?? "normal",
    demands: { ...NO_DEMANDS, ...demands },
    ...(request.crashesBeforeMove === undefined ? {} : { crashesBeforeMove: request.crashesBeforeMove }),
  };
  const within = confinedTo(caller, askedFor(request), "");
  const by = requestedBy(context);
  const { answer, seen } = await carryOut(
    plane,
    request,
    ({ operations }) => withoutForeignNames(caller, () => operations.createContainer(wish, by, within)),
    {
      stored: async ({ containerId }) => (await containersById(oneLook(plane), [containerId])).get(containerId),
      foretold: (fleet, asOf) =>
        foretoldContainer(fleet, fleet.containerByName(wish.name)?.facts.id ?? "", asOf) ?? undefined,
    },
  );
  return { ...answer, seen };
}

/** Throws unless the caller may still create what a request asks for, which was created; of an egg that is gone nothing is asked. */
export async function demandCreation(
  plane: PlaneContext,
  request: CreateContainerRequest,
  caller: Caller,
): Promise<void> {
  const preferred = await permittedCluster(plane, request, caller);
  const egg = await read(plane, (snapshot) => eggById(snapshot, request.eggId));
  if (egg !== null) demandReserved(caller, egg.row.definition, touchedBy(request), preferred ?? undefined);
}

function touchedBy({ environment, secretEnvironment }: CreateContainerRequest): TouchedVariables[] {
  return [
    { field: "environment", names: Object.keys(environment) },
    { field: "secret_environment", names: Object.keys(secretEnvironment) },
  ];
}

/**
 * The cluster that it prefers, in which the caller may create it; null: none, which asks for the permission everywhere. Where it is
 * placed in the end, placement decides.
 */
async function permittedCluster(
  plane: PlaneContext,
  request: CreateContainerRequest,
  caller: Caller,
): Promise<(Concerned & { readonly id: string }) | null> {
  const { preferredCluster } = request;
  const asked = askedFor(request);
  if (preferredCluster === "") {
    for (const one of asked) demand(caller, one);
    return null;
  }
  const cluster = await mustSee(oneLook(plane), caller, "cluster", preferredCluster, "preferred_cluster", "unknown");
  const concerned = { place: cluster.place, what: `cluster ${cluster.name}` };
  for (const one of asked) demand(caller, one, concerned);
  return { id: cluster.id, ...concerned };
}

function askedFor({ type }: CreateContainerRequest): readonly Permission[] {
  return type === ContainerType.HA ? ["container:ha:create", "container:create"] : ["container:create"];
}

/** Says so early and in our words; the deciding transaction's own check is what holds. */
async function refuseTakenName(snapshot: Snapshot, name: string, byOtherThan: string | null): Promise<void> {
  if (!(await isNameTaken(snapshot, name, byOtherThan))) return;
  throw new Refusal("name_taken", `There is a container "${name}" already.`, "Choose another name.", { field: "name" });
}
