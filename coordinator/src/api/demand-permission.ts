import { grantsText, type Place, permitAt, permitsSomewhere, THE_FLEET } from "../permissions/grant.ts";
import type { Permission } from "../permissions/permission.ts";
import { BUILT_IN_ROLES } from "../permissions/role.ts";
import { apiError } from "./api-error.ts";
import type { Caller } from "./call-context.ts";

/** Of what something is asked: where that is, and how people call it ("container web"); "": the fleet as a whole. */
export type Concerned = { readonly place: Place; readonly what: string };

const FLEET: Concerned = { place: THE_FLEET, what: "" };

/** What of a request asks for the permission: its field, and why, as a sentence. */
export type Occasion = { readonly field: string; readonly why: string };

/** Throws permission_denied, with why and who could change that, unless a grant of the caller permits it there. */
export function demand(caller: Caller, asked: Permission, concerned: Concerned = FLEET, occasion?: Occasion): void {
  if (permitAt(caller.grants, asked, concerned.place) === null) throw denied(caller, asked, concerned, occasion);
}

/** Throws permission_denied unless some grant of the caller permits it, wherever that may be. */
export function demandSomewhere(caller: Caller, asked: Permission, occasion?: Occasion): void {
  if (!permitsSomewhere(caller.grants, asked)) throw denied(caller, asked, FLEET, occasion);
}

function denied(caller: Caller, asked: Permission, concerned: Concerned, occasion?: Occasion): Error {
  const roles = BUILT_IN_ROLES.thatMay(asked).join(", ");
  const nextStep =
    concerned.what === "" && !isScoped(caller)
      ? `Use a token or an account of a role that may: ${roles}.`
      : `Use a token or an account of a role that may (${roles}), or ask who may give one: ${givers()}.`;
  const why = whyNot(caller, asked, concerned);
  if (occasion === undefined) return apiError("permission_denied", why, { nextStep });
  const { field } = occasion;
  return apiError("permission_denied", `${field}: ${occasion.why} ${why}`, { nextStep, field });
}

/** Why the caller may not, for people: what he holds, and what is lacking where. */
export function whyNot(caller: Caller, asked: Permission, { what }: Concerned = FLEET): string {
  const { kind, name, role, grants } = caller;
  const who = `${kind} ${name}`;
  const where = what === "" ? "" : ` on ${what}`;
  if (grants.length === 0) {
    return role === ""
      ? `${who} has no role, so nothing grants ${asked}${where}.`
      : `${who} has no role that this version knows, so nothing grants ${asked}${where}.`;
  }
  if (!isScoped(caller)) return `${who} has the role ${role}, which does not grant ${asked}${where}.`;
  return `${who} has ${grantsText(grants)}, which does not grant ${asked}${what === "" ? " for everything" : where}.`;
}

/** Who may hand out roles, for people. */
export function givers(): string {
  return BUILT_IN_ROLES.thatMay("user:manage").join(", ");
}

function isScoped({ grants }: Caller): boolean {
  return grants.some(({ scope }) => scope.kind !== "everything");
}
