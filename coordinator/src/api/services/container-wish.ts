import { type Resources as ResourcesMessage, RestartPriority } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { RestartPriority as PriorityName } from "../../domain/container/container-context.ts";
import { type DemandTexts, type NodeDemands, readDemands } from "../../domain/placement/node-demands.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { Resources } from "../../domain/resources.ts";
import type { WishProblem } from "../../eggs/resolve-workload.ts";

// What the creation and the change of a container have in common: how their requests are read, and how they are refused.

/** Problems named in one message; the first decides code and field. */
const PROBLEMS_SHOWN = 5;

const PRIORITY: Readonly<Record<RestartPriority, PriorityName | null>> = {
  [RestartPriority.UNSPECIFIED]: null,
  [RestartPriority.LOW]: "low",
  [RestartPriority.NORMAL]: "normal",
  [RestartPriority.HIGH]: "high",
  [RestartPriority.CRITICAL]: "critical",
};

/** Null where none is asked for. */
export function restartPriority(asked: RestartPriority): PriorityName | null {
  return PRIORITY[asked] ?? null;
}

/** Amounts above 2^53 lose digits here, and are refused as out of range all the same. */
export function wantedResources(resources: ResourcesMessage | undefined): Partial<Resources> {
  if (resources === undefined) return {};
  return {
    cpuMillis: resources.cpuMillis,
    memoryBytes: Number(resources.memoryBytes),
    diskBytes: Number(resources.diskBytes),
  };
}

/** What is asked of a node, read; what cannot be read is refused. */
export function wantedDemands(texts: DemandTexts): Partial<NodeDemands> {
  const read = readDemands(texts);
  if (read.ok) return read.demands;
  throw new Refusal("invalid_argument", `${read.field}: ${read.reason}.`, `Correct ${read.field} and send it again.`, {
    field: read.field,
  });
}

/** All that is wrong with a wish, in one refusal. */
export function refusalOf(problems: readonly WishProblem[]): Refusal {
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
