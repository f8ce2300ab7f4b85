import { covers, type Permission, type PermissionPattern } from "./permission.ts";
import type { Permit, Role } from "./role.ts";

/** What a role is given for: everything, the things of one cluster, or one container. */
export type Scope =
  | { readonly kind: "everything" }
  | { readonly kind: "cluster" | "container"; readonly id: string; readonly name: string };

/** A role that somebody holds, for a scope. */
export type Grant = { readonly role: Role; readonly scope: Scope };

/**
 * Where something is. A container is of the cluster whose node it is placed on and of the one that it prefers; a node, an alert, an
 * event and a migration are where what they are about is. What is of no cluster is covered by grants for everything alone.
 */
export type Place = { readonly clusterIds: readonly string[]; readonly containerId: string | null };

/** Where that is which is of no cluster: eggs, people, the fleet as a whole. */
export const THE_FLEET: Place = { clusterIds: [], containerId: null };

/** Where a cluster itself is. */
export const inCluster = (id: string): Place => ({ clusterIds: [id], containerId: null });

/** Which things a permission reaches: everything, or those of these clusters and these containers. */
export type Reach = "everything" | { readonly clusterIds: readonly string[]; readonly containerIds: readonly string[] };

/** Whether a scope covers a place. */
export function isWithin(scope: Scope, { clusterIds, containerId }: Place): boolean {
  if (scope.kind === "everything") return true;
  return scope.kind === "cluster" ? clusterIds.includes(scope.id) : scope.id === containerId;
}

/** Which grant permits something at a place; null: none does, and it is denied. */
export function permitAt(
  grants: readonly Grant[],
  asked: Permission,
  place: Place,
): { readonly grant: Grant; readonly permit: Permit } | null {
  return permitSomewhere(
    grants.filter(({ scope }) => isWithin(scope, place)),
    asked,
  );
}

/** Which grant permits something, wherever that may be; null: none does. */
export function permitSomewhere(
  grants: readonly Grant[],
  asked: Permission,
): { readonly grant: Grant; readonly permit: Permit } | null {
  for (const grant of grants) {
    const permit = grant.role.permits(asked);
    if (permit !== null) return { grant, permit };
  }
  return null;
}

/** Whether any grant permits it, wherever that may be. */
export function permitsSomewhere(grants: readonly Grant[], asked: Permission): boolean {
  return permitSomewhere(grants, asked) !== null;
}

/**
 * What of a role nobody has at a place who holds these grants; null: nothing. Of "container:*" he must have that or what is wider: all
 * permissions that begin so today are less, since a later version may know more of them.
 */
export function lackingOf(role: Role, grants: readonly Grant[], place: Place): PermissionPattern | null {
  const held = grants.filter(({ scope }) => isWithin(scope, place)).flatMap((grant) => grant.role.patterns);
  return role.patterns.find((wanted) => !held.some((pattern) => covers(pattern, wanted))) ?? null;
}

/** What a permission reaches by these grants; nothing at all where none has it. */
export function reachOf(grants: readonly Grant[], asked: Permission): Reach {
  const clusterIds: string[] = [];
  const containerIds: string[] = [];
  for (const { role, scope } of grants) {
    if (role.permits(asked) === null) continue;
    if (scope.kind === "everything") return "everything";
    (scope.kind === "cluster" ? clusterIds : containerIds).push(scope.id);
  }
  return { clusterIds, containerIds };
}

/** Whether a place lies within a reach. */
export function reaches(reach: Reach, { clusterIds, containerId }: Place): boolean {
  if (reach === "everything") return true;
  if (containerId !== null && reach.containerIds.includes(containerId)) return true;
  return clusterIds.some((id) => reach.clusterIds.includes(id));
}

/** "developer in cluster games". */
export function grantText({ role, scope }: Grant): string {
  return scope.kind === "everything" ? `${role.name} for everything` : `${role.name} ${scopeText(scope)}`;
}

/** Grants that one sentence names. */
const NAMED_MAX = 10;

/** All that somebody holds, in one sentence. */
export function grantsText(grants: readonly Grant[]): string {
  const more = grants.length - NAMED_MAX;
  return `${grants.slice(0, NAMED_MAX).map(grantText).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** "for everything", "in cluster games", "for container web". */
export function scopeText(scope: Scope): string {
  if (scope.kind === "everything") return "for everything";
  return scope.kind === "cluster" ? `in cluster ${scope.name}` : `for container ${scope.name}`;
}
