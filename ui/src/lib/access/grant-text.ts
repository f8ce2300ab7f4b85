import type { Grant } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { plainText } from "../format/plain-text.ts";

/** Where a grant holds, for people: "developer in the cluster games". */
export function grantText({ role, cluster, container }: Pick<Grant, "role" | "cluster" | "container">): string {
  return plainText(cluster === "" ? `${role} for the container ${container}` : `${role} in the cluster ${cluster}`);
}

/** What somebody holds for everything. */
export function roleText(role: string): string {
  return role === "" ? "none" : plainText(role);
}
