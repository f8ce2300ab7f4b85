import type { PermissionInfo } from "@lormas/gen/lormas/api/v1/services_pb.ts";

/** The permissions of one resource, and the pattern that covers all of them, those to come included. */
export type PermissionGroup = {
  readonly resource: string;
  readonly pattern: string;
  readonly permissions: readonly PermissionInfo[];
};

/** Permissions by what they are about, both in alphabetical order. */
export function permissionGroups(permissions: readonly PermissionInfo[]): readonly PermissionGroup[] {
  const groups = new Map<string, PermissionInfo[]>();
  for (const permission of permissions) {
    const [resource = ""] = permission.name.split(":", 1);
    const group = groups.get(resource);
    if (group === undefined) groups.set(resource, [permission]);
    else group.push(permission);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, inside]) => ({ resource, pattern: `${resource}:*`, permissions: inside }));
}

/** What of the grants covers a permission: itself, a pattern ("container:*") or everything ("*"); undefined when nothing does. */
export function coveringGrant(grants: readonly string[], permission: string): string | undefined {
  return grants.find(
    (grant) =>
      grant === permission || grant === "*" || (grant.endsWith(":*") && permission.startsWith(grant.slice(0, -1))),
  );
}

/** The grants with one taken in or out; their order stays. */
export function toggled(grants: readonly string[], grant: string, on: boolean): readonly string[] {
  if (!on) return grants.filter((given) => given !== grant);
  return grants.includes(grant) ? grants : [...grants, grant];
}
