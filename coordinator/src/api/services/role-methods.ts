import type { ServiceImpl } from "@connectrpc/connect";
import type { AccessService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { PERMISSIONS, type Permission } from "../../permissions/permission.ts";
import type { Role } from "../../permissions/role.ts";
import { noRole, type RoleCheck, roleEtag } from "../../store/role-store.ts";
import type { Caller } from "../call-context.ts";
import { demandAll, NO_ROLE } from "./grant-words.ts";
import { callerOf, type PlaneContext, requestedBy } from "./plane-context.ts";

type RoleMethods = Pick<
  ServiceImpl<typeof AccessService>,
  "listRoles" | "getRole" | "createRole" | "updateRole" | "deleteRole"
>;

const ALL = Object.keys(PERMISSIONS) as readonly Permission[];

/** The roles; see the proto. */
export function roleMethods(plane: PlaneContext): RoleMethods {
  const { roles, forgetIdentities } = plane;
  const shown = async (name: string) => ({ role: await shownRole(plane, name) });
  return {
    async listRoles() {
      const all = (await roles.book()).all();
      return {
        roles: all.map(roleView),
        permissions: ALL.map((name) => ({ name, description: PERMISSIONS[name] })),
      };
    },

    getRole: ({ name }) => shown(name),

    async createRole(request, context) {
      if (request.name === NO_ROLE) {
        throw new Refusal("invalid_argument", `${NO_ROLE} is what no role is called`, "choose another name", {
          field: "name",
        });
      }
      await roles.create(request, requestedBy(context), noMoreThan(callerOf(context)));
      forgetIdentities();
      return shown(request.name);
    },

    async updateRole(request, context) {
      const { etag, updateMask: mask } = request;
      await roles.update(request, { etag, mask }, requestedBy(context), noMoreThan(callerOf(context)));
      forgetIdentities();
      return shown(request.name);
    },

    async deleteRole({ name, etag }, context) {
      await roles.remove(name, etag, noMoreThan(callerOf(context)));
      forgetIdentities();
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

/** Nobody makes, changes or removes a role that may more than he, everywhere. */
function noMoreThan(caller: Caller): RoleCheck {
  return ({ name }, book) => {
    const role = book.get(name);
    if (role !== null) demandAll(caller, role, { kind: "everything" });
  };
}

function roleView(role: Role) {
  const { name, description, includes, grants, builtIn } = role;
  const permissions = ALL.filter((permission) => role.permits(permission) !== null);
  const named = { name, description, inherits: includes[0] ?? "", includes: [...includes] };
  return { ...named, grants: [...grants], builtIn, permissions, etag: roleEtag(role) };
}
