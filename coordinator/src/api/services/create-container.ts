import type { HandlerContext } from "@connectrpc/connect";
import { ContainerType, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CreateContainerRequest } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { RestartPriority as PriorityName } from "../../domain/container/container-context.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { Resources } from "../../domain/resources.ts";
import { resolveWorkload, type WishProblem } from "../../eggs/resolve-workload.ts";
import type { Granted } from "../../runtime/operator-wishes.ts";
import { isNameTaken } from "../../store/read-model/container-readings.ts";
import { eggById } from "../../store/read-model/egg-readings.ts";
import { findClusterId, isPlain } from "../../store/read-model/lookup.ts";
import type { Snapshot } from "../../store/read-model/snapshot.ts";
import { noSuchEgg } from "./egg-service.ts";
import { found, type PlaneContext, read, requestedBy } from "./plane-context.ts";

/** Problems named in one message; the first decides code and field. */
const PROBLEMS_SHOWN = 5;

const PRIORITY: Readonly<Record<RestartPriority, PriorityName>> = {
  [RestartPriority.UNSPECIFIED]: "normal",
  [RestartPriority.LOW]: "low",
  [RestartPriority.NORMAL]: "normal",
  [RestartPriority.HIGH]: "high",
  [RestartPriority.CRITICAL]: "critical",
};

/**
 * Resolves the wish against its egg and hands it to Operations. Everything that can be refused by looking at it is refused
 * here; what only the deciding transaction can know (name, ports) is refused there. Resolves with the container's id.
 */
export async function createContainer(
  plane: PlaneContext,
  request: CreateContainerRequest,
  context: HandlerContext,
): Promise<{ containerId: string } & Granted> {
  const { egg, preferredClusterId } = await read(plane, async (snapshot) => {
    const reading = isPlain(request.eggId) ? await eggById(snapshot, request.eggId) : null;
    const definition = found(reading, () => noSuchEgg("unknown_egg", request.eggId, "egg_id")).row.definition;
    const preferred =
      request.preferredCluster === ""
        ? null
        : await findClusterId(snapshot.em, request.preferredCluster, "preferred_cluster");
    await refuseTakenName(snapshot, request.name);
    return { egg: definition, preferredClusterId: preferred };
  });
  const resolved = resolveWorkload(egg, {
    environment: request.environment,
    hostPorts: request.hostPorts,
    resources: wantedResources(request),
  });
  if (!resolved.ok) throw refusalOf(resolved.problems);
  const made = await plane.operations.createContainer(
    {
      name: request.name,
      eggId: egg.id,
      ha: request.type === ContainerType.HA,
      preferredClusterId,
      resources: resolved.resources,
      environment: request.environment,
      spec: resolved.spec,
      desired: request.createStopped ? "stopped" : "running",
      allowDataLoss: request.allowDataLoss,
      priority: PRIORITY[request.restartPriority] ?? "normal",
      ...(request.crashesBeforeMove === undefined ? {} : { crashesBeforeMove: request.crashesBeforeMove }),
    },
    requestedBy(context),
  );
  return made;
}

/** Says so early and in our words; the deciding transaction's own check is what holds. */
async function refuseTakenName(snapshot: Snapshot, name: string): Promise<void> {
  if (!(await isNameTaken(snapshot, name))) return;
  throw new Refusal("name_taken", `There is a container "${name}" already.`, "Choose another name.", { field: "name" });
}

/** Amounts above 2^53 lose digits here, and are refused as out of range all the same. */
function wantedResources({ resources }: CreateContainerRequest): Partial<Resources> {
  if (resources === undefined) return {};
  return {
    cpuMillis: resources.cpuMillis,
    memoryBytes: Number(resources.memoryBytes),
    diskBytes: Number(resources.diskBytes),
  };
}

function refusalOf(problems: readonly WishProblem[]): Refusal {
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ field, reason }) => `${protoPath(field)}: ${reason}`);
  const more = problems.length - shown.length;
  const message = more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ");
  const [first] = problems;
  const field = protoPath(first?.field ?? "");
  return new Refusal(first?.kind ?? "invalid_argument", message, `Correct ${field} and send the request again.`, {
    field,
  });
}

/** "hostPorts.http" → "host_ports.http", "resources.memoryBytes" → "resources.memory_bytes"; keys of maps stay as they are. */
function protoPath(jsonPath: string): string {
  const [head = "", ...rest] = jsonPath.split(".");
  const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return [snake(head), ...(head === "resources" ? rest.map(snake) : rest)].join(".");
}
