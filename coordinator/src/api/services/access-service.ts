import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AccessService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { ADMIN_TOKEN_NAME } from "../../identity/admin-token.ts";
import { newApiToken } from "../../identity/api-token.ts";
import { permitAt, permitSomewhere, permitsSomewhere, scopeText, THE_FLEET } from "../../permissions/grant.ts";
import { isAnywhere } from "../../permissions/method-rules.ts";
import { isPermission, PERMISSIONS, type Permission } from "../../permissions/permission.ts";
import { BUILT_IN_ROLES } from "../../permissions/role.ts";
import { type ApiTokenRecord, MakerGone } from "../../store/api-token-store.ts";
import type { NewGrant } from "../../store/grant-store.ts";
import { isPlain, quoted } from "../../store/read-model/lookup.ts";
import { apiError } from "../api-error.ts";
import type { Caller } from "../call-context.ts";
import { type Concerned, givers, whyNot } from "../demand-permission.ts";
import { mustSee } from "../sight.ts";
import { demandNoLess, grantable, grantableWithin, grantView, heldBy } from "./grant-words.ts";
import { isOwnToken, ownAccountMethods } from "./own-account-methods.ts";
import { callerOf, oneLook, type PlaneContext, requestedBy } from "./plane-context.ts";
import { quotaMethods } from "./quota-methods.ts";
import { roleMethods } from "./role-methods.ts";
import { tokenView } from "./token-view.ts";
import { userMethods } from "./user-methods.ts";

const ALL = Object.keys(PERMISSIONS) as readonly Permission[];

/** Who may do what, and with which token; see the proto. */
export function accessService(plane: PlaneContext): ServiceImpl<typeof AccessService> {
  return {
    whoAmI(_, context) {
      const { kind, name, role, grants, expiresAt, secondFactorDemandedBy = [] } = callerOf(context);
      return {
        kind,
        name,
        role,
        permissions: ALL.filter((permission) => permitAt(grants, permission, THE_FLEET) !== null),
        permissionsSomewhere: ALL.filter((permission) => permitsSomewhere(grants, permission)),
        grants: grants.flatMap(({ role: held, scope }) =>
          scope.kind === "everything"
            ? []
            : [grantView({ role: held.name, scopeKind: scope.kind, scopeId: scope.id, scopeName: scope.name })],
        ),
        ...(expiresAt && { expiresAt: timestampFromDate(expiresAt) }),
        secondFactorDemandedBy: [...secondFactorDemandedBy],
      };
    },

    async canI(request, context) {
      const { permission } = request;
      if (!isPermission(permission)) {
        throw new Refusal("invalid_argument", `there is no permission ${permission}`, "list them: lormas auth roles", {
          field: "permission",
        });
      }
      const caller = callerOf(context);
      const concerned = await concernedBy(plane, caller, request);
      const permitted = isAnywhere(permission)
        ? permitSomewhere(caller.grants, permission)
        : permitAt(caller.grants, permission, concerned.place);
      if (permitted === null) {
        const may = BUILT_IN_ROLES.thatMay(permission).join(", ");
        const reason = `${whyNot(caller, permission, concerned)} These may: ${may}.${howToGet(caller, concerned)}`;
        return { allowed: false, reason };
      }
      const { grant, permit } = permitted;
      const { name } = grant.role;
      const inherited = permit.by === name ? "" : `, which the role ${name} includes`;
      const where =
        grant.scope.kind === "everything" ? "" : `; ${caller.kind} ${caller.name} has it ${scopeText(grant.scope)}`;
      return { allowed: true, reason: `The role ${permit.by} grants ${permit.grant}${inherited}${where}.` };
    },

    async listTokens() {
      const tokens = await plane.tokens.valid();
      const hashes = tokens.map(({ tokenHash }) => tokenHash);
      const held = await plane.grants.ofAll("token", hashes);
      return { tokens: tokens.map((token) => tokenView(token, held.get(token.tokenHash) ?? [])) };
    },

    async createToken({ name, role, lifetimeSeconds, grants }, context) {
      if (name === ADMIN_TOKEN_NAME) throw reservedName(name);
      const caller = callerOf(context);
      const granted = await grantable(plane, caller, role);
      const scoped: NewGrant[] = [];
      for (const wish of grants) scoped.push(await grantableWithin(plane, caller, wish));
      const { secret, hash, prefix } = newApiToken();
      const expiresAt = lifetimeSeconds === 0 ? null : new Date(plane.clock.wallMs() + lifetimeSeconds * 1_000);
      const createdBy = requestedBy(context);
      const row = await plane.tokens
        .create({ name, hash, prefix, role: granted, createdBy, expiresAt }, scoped)
        .catch((error: unknown) => {
          throw error instanceof MakerGone
            ? apiError("unauthenticated", `${caller.name} is not valid any more.`)
            : error;
        });
      return { token: tokenView(row, await plane.grants.of({ kind: "token", id: hash })), secret };
    },

    ...roleMethods(plane),
    ...userMethods(plane),
    ...ownAccountMethods(plane),
    ...quotaMethods(plane),

    async revokeToken({ name }, context) {
      const token = isPlain(name) ? (await plane.tokens.valid()).find((one) => one.name === name) : undefined;
      if (token !== undefined && !isOwnToken(context, token)) await demandOverToken(plane, callerOf(context), token);
      if (token === undefined || (await plane.tokens.revoke(name)) === 0) {
        throw new Refusal("not_found", `there is no valid token ${quoted(name)}`, "list the tokens: lormas token ls", {
          field: "name",
        });
      }
      plane.forgetIdentities();
      return {};
    },
  };
}

/** Refuses a token that may more than the caller. */
async function demandOverToken(plane: PlaneContext, caller: Caller, token: ApiTokenRecord): Promise<void> {
  const held = await heldBy(plane, { kind: "token", id: token.tokenHash }, token.role);
  demandNoLess(caller, `token ${token.name}`, held, "name");
}

/** What a question is about: a cluster or a container that the caller may see, or the whole fleet. */
async function concernedBy(
  plane: PlaneContext,
  caller: Caller,
  { cluster, container }: { readonly cluster: string; readonly container: string },
): Promise<Concerned> {
  if (cluster === "" && container === "") return { place: THE_FLEET, what: "" };
  if (cluster !== "" && container !== "") {
    const message = "the question is about one cluster or one container";
    throw new Refusal("invalid_argument", message, "name one of the two, or none for everything", { field: "cluster" });
  }
  const kind = cluster === "" ? "container" : "cluster";
  const { name, place } = await mustSee(oneLook(plane), caller, kind, cluster || container, kind);
  return { place, what: `${kind} ${name}` };
}

/** Who could give what is lacking, and how; said to those who hold something for a part alone, or ask of one. */
function howToGet({ kind, name, grants }: Caller, { what }: Concerned): string {
  const scoped = grants.some(({ scope }) => scope.kind !== "everything");
  if (what === "" && !scoped) return "";
  const flag = what === "" ? "" : ` --${what}`;
  const how = kind === "session" ? `: lormas user grant ${name} --role ROLE${flag}` : " with another token";
  return ` Who may hand out roles (${givers()}) can help${how}.`;
}

/** Recorded with what it asks for, it tells the local administrator from everybody else. */
function reservedName(name: string): Refusal {
  const message = `the name ${name} is kept for the local administrator's token, which the coordinator makes`;
  return new Refusal("invalid_argument", message, "choose another name", { field: "name" });
}
