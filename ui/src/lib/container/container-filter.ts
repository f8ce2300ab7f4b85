import { type Container, ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { containerLook, haLook } from "../components/status-look.ts";

/** Which containers a list shows. */
export type TypeFilter = "all" | "ha" | "standard";

/** The containers of that type in whose name, node, cluster, egg or status every word of the search is found. */
export function filterContainers(
  containers: readonly Container[],
  search: string,
  type: TypeFilter,
): readonly Container[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && type === "all") return containers;
  return containers.filter((container) => {
    const isHa = container.type === ContainerType.HA;
    if (type !== "all" && isHa !== (type === "ha")) return false;
    const text = [
      container.name,
      container.id,
      container.nodeName,
      container.clusterName,
      container.eggId,
      containerLook(container.status).word,
      isHa ? haLook(container.migrationStatus).word : "standard",
    ]
      .join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
