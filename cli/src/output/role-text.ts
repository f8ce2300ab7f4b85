import type { Grant } from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** What somebody holds, for a table: "viewer, developer in games, viewer for web"; "none" for nothing. */
export function roleText({ role, grants }: { readonly role: string; readonly grants: readonly Grant[] }): string {
  const held = [...(role === "" ? [] : [role]), ...grants.map(grantText)];
  return held.length === 0 ? "none" : held.join(", ");
}

/** "developer in games", "viewer for web": in a cluster, for a container. */
export function grantText({ role, cluster, container }: Grant): string {
  return cluster === "" ? `${role} for ${container}` : `${role} in ${cluster}`;
}
