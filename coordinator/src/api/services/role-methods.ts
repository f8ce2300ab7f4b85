import type { ServiceImpl } from "@connectrpc/connect";
import { type AccessService, UpdateRoleRequestSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { PERMISSIONS, type Permission } from "../../permissions/permission.ts";
import type { Role } from "../../permissions/role.ts";
import { noRole, type RoleCheck, roleEtag } from "../../store/role-store.ts";
import type { Caller } from "../call-context.ts";
import { maskNames } from "../field-mask.ts";
import { demandAll, NO_ROLE } from "./grant-words.ts";
import { callerOf, type PlaneContext, requestedBy } from "./plane-context.ts";

type RoleMethods = Pick<
  ServiceImpl<typeof AccessService>,
  "listRoles" | "getRole" | "createRole" | "updateRole" | "deleteRole"
>;

const ALL = Object.keys(PERMISSIONS) as readonly Permission[];

const { description, includes, grants, secondFactorRequired: factor } = UpdateRoleRequestSchema.field;
/** What the mask of an update may name. Without one a role is replaced, so that what is absent can only be told where it is stored. */
const MASKABLE = [description, includes, grants, factor];

/** The roles; see the proto. */
export function roleMethods(plane: PlaneContext): RoleMethods {
  const { roles, forgetIdentities } = plane;
  // Nobody's permissions change by a trial, and there is no etag of what is not yet.
  const changed = (role: Role, validateOnly: boolean) => {
    if (!validateOnly) forgetIdentities();
    return { role: validateOnly ? { ...roleView(role), etag: "" } : roleView(role) };
  };
  return {
    async listRoles() {
      const all = (await roles.book()).all();
      return {
        roles: all.map(roleView),
        permissions: ALL.map((name) => ({ name, description: PERMISSIONS[name] })),
      };
    },

    getRole: async ({ name }) => ({ role: await shownRole(plane, name) }),

    async createRole(request, context) {
      if (request.name === NO_ROLE) {
        throw new Refusal("invalid_argument", `${NO_ROLE} is what no role is called`, "choose another name", {
          field: "name",
        });
      }
      const { validateOnly } = request;
      const check = checkFor(callerOf(context));
      return changed(await roles.create(request, requestedBy(context), check, validateOnly), validateOnly);
    },

    async updateRole(request, context) {
      const { etag, updateMask, validateOnly, secondFactorRequired, ...rest } = request;
      const mask = maskNames(UpdateRoleRequestSchema, updateMask, MASKABLE);
      const wish = { ...rest, ...(secondFactorRequired === undefined ? {} : { secondFactorRequired }) };
      const how = { etag, mask, validateOnly };
      return changed(await roles.update(wish, how, requestedBy(context), checkFor(callerOf(context))), validateOnly);
    },

    async deleteRole({ name, etag, validateOnly }, context) {
      await roles.remove(name, etag, checkFor(callerOf(context)), validateOnly);
      if (!validateOnly) forgetIdentities();
      return {};
    },
  };
}

/** A role as the API shows it. Refusals: not_found. */
export async function shownRole({ roles }: Pick<PlaneContext, "roles">, name: string) {
  const role = (await roles.book()).get(name);
  if (role === null) throw noRole(name);
  return roleView(role);
}

/**
 * Nobody makes, changes or removes a role that may more than he, everywhere; nor demands a second factor of himself that he has not: he
 * could not take it back.
 */
function checkFor(caller: Caller): RoleCheck {
  return ({ name }, book) => {
    const role = book.get(name);
    if (role !== null) demandAll(caller, role, { kind: "everything" });
    if (caller.kind !== "session" || caller.secondFactor === true) return;
    const own = caller.grants.find((grant) => book.get(grant.role.name)?.secondFactorDemanded === true);
    if (own === undefined) return;
    const message = `${caller.name} has no second factor, and the role ${own.role.name} would demand one`;
    throw new Refusal("no_second_factor", message, "set one up first: lormas auth two-factor on", {
      field: "second_factor_required",
    });
  };
}

function roleView(role: Role) {
  const { name, description, includes, grants, builtIn, secondFactorRequired = false, secondFactorDemanded } = role;
  const permissions = ALL.filter((permission) => role.permits(permission) !== null);
  const named = { name, description, inherits: includes[0] ?? "", includes: [...includes] };
  const factor = { secondFactorRequired, secondFactorDemanded };
  return { ...named, ...factor, grants: [...grants], builtIn, permissions, etag: roleEtag(role) };
}
