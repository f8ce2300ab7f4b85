import { Refusal } from "../../domain/refusal.ts";
import { heldGrants } from "../../identity/held-grants.ts";
import {
  type Grant,
  grantsText,
  grantText,
  inCluster,
  lackingOf,
  type Place,
  type Scope,
  scopeText,
  THE_FLEET,
} from "../../permissions/grant.ts";
import type { Role, RoleBook } from "../../permissions/role.ts";
import type { Holder, NewGrant, ScopedGrant } from "../../store/grant-store.ts";
import { apiError } from "../api-error.ts";
import type { Caller } from "../call-context.ts";
import { mustSee } from "../sight.ts";
import { oneLook, type PlaneContext } from "./plane-context.ts";

/** What a request writes for no role. */
export const NO_ROLE = "none";

/** The role for everything that a request names, which the caller may hand out; empty for "none". Nobody gives more than he has. */
export async function grantable({ roles }: PlaneContext, caller: Caller, wanted: string): Promise<string> {
  if (wanted === NO_ROLE) return "";
  const role = knownRole(await roles.bookOf([wanted]), wanted);
  demandAll(caller, role, { kind: "everything" });
  return role.name;
}

/** A role for a cluster or a container as a request wishes it. */
type Wish = { readonly role: string; readonly cluster: string; readonly container: string };

/** Where the request says that a role is to be held. Refusals: invalid_argument (not exactly one), not_found, unknown_cluster. */
export async function scopeOf(
  plane: PlaneContext,
  caller: Caller,
  { role, cluster, container }: Wish,
): Promise<{ readonly grant: NewGrant; readonly scope: Scope }> {
  if ((cluster === "") === (container === "")) {
    const message = "a role is given for one cluster or for one container";
    throw new Refusal("invalid_argument", message, "name one of the two; a role for everything is set by UpdateUser", {
      field: "cluster",
    });
  }
  const kind = cluster === "" ? "container" : "cluster";
  const { id, name } = await mustSee(oneLook(plane), caller, kind, cluster || container, kind, "unknown");
  return { grant: { role, scopeKind: kind, scopeId: id }, scope: { kind, id, name } };
}

/** The same for one that is to be given: the caller must have all of it there himself. */
export async function grantableWithin(plane: PlaneContext, caller: Caller, wish: Wish): Promise<NewGrant> {
  const role = knownRole(await plane.roles.bookOf([wish.role]), wish.role);
  const { grant, scope } = await scopeOf(plane, caller, wish);
  demandAll(caller, role, scope);
  return grant;
}

/** All that somebody holds, whose role for everything is `role`. */
export async function heldBy({ grants, roles }: PlaneContext, holder: Holder, role: string): Promise<Grant[]> {
  const scoped = await grants.of(holder);
  return heldGrants(await roles.bookOf([role, ...scoped.map((one) => one.role)]), role, scoped);
}

/**
 * Refuses to touch an account or a token that may more than the caller: who gives an account a password may do all that it may, and who
 * takes one away takes what he could not give back. `whose` is what it is called, `field` where the request names it.
 */
export function demandNoLess(caller: Caller, whose: string, held: readonly Grant[], field: "email" | "name"): void {
  const more = held.find(({ role, scope }) => lackingOf(role, caller.grants, placeOf(scope)) !== null);
  if (more === undefined) return;
  throw apiError(
    "permission_denied",
    `${whose} has ${grantText(more)}, which may more than ${caller.kind} ${caller.name}.`,
    { field, nextStep: `Ask somebody who may all that ${whose} may.` },
  );
}

/** Refuses a role that may more within a scope than the caller. */
export function demandAll(caller: Caller, role: Role, scope: Scope): void {
  const lacks = lackingOf(role, caller.grants, placeOf(scope));
  if (lacks === null) return;
  const held = grantsText(caller.grants) || "no role";
  const message = `${caller.kind} ${caller.name} has ${held}, which may less than ${role.name} ${scopeText(scope)}: it lacks ${lacks}.`;
  const nextStep =
    scope.kind === "container"
      ? "A role for a container goes with it where it moves: have all of it for the container or for everything, or give one for a cluster."
      : "Choose a role that may no more than yours.";
  throw apiError("permission_denied", message, { field: "role", nextStep });
}

/**
 * What a scope covers for good. A container is of no cluster here: a grant for it goes with it wherever it moves, so a role for the
 * cluster that it is in now is less.
 */
function placeOf(scope: Scope): Place {
  if (scope.kind === "everything") return THE_FLEET;
  return scope.kind === "cluster" ? inCluster(scope.id) : { clusterIds: [], containerId: scope.id };
}

function knownRole(book: RoleBook, wanted: string): Role {
  const role = book.get(wanted);
  if (role !== null) return role;
  const names = book.all().map(({ name }) => name);
  throw new Refusal("invalid_argument", `there is no role ${wanted}`, `choose one of ${names.join(", ")}`, {
    field: "role",
  });
}

/** A role for a cluster or a container as the API shows it. */
export function grantView({ role, scopeKind, scopeId, scopeName }: ScopedGrant) {
  const [cluster, container] = scopeKind === "cluster" ? [scopeName, ""] : ["", scopeName];
  return { role, cluster, container, scopeId };
}
