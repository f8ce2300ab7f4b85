import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AccessService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { Person } from "../../identity/people.ts";
import type { ScopedGrant } from "../../store/grant-store.ts";
import { isPlain, quoted } from "../../store/read-model/lookup.ts";
import { pageSize, pageStart, toPage } from "../../store/read-model/page-token.ts";
import type { Caller } from "../call-context.ts";
import { demandNoLess, grantable, grantableWithin, grantView, heldBy, scopeOf } from "./grant-words.ts";
import { callerOf, type PlaneContext, requestedBy } from "./plane-context.ts";
import { noSession, sessionView } from "./session-view.ts";

type UserMethods = Pick<
  ServiceImpl<typeof AccessService>,
  | "listUsers"
  | "getUser"
  | "createUser"
  | "updateUser"
  | "grantRole"
  | "ungrantRole"
  | "resetPassword"
  | "endSessions"
  | "deleteUser"
  | "listUserSessions"
  | "endUserSession"
  | "removeTwoFactor"
>;

/** The people who can sign in; see the proto. */
export function userMethods(plane: PlaneContext): UserMethods {
  const { people, grants, sessions, forgetIdentities } = plane;
  const shown = (email: string) => shownUser(plane, email);
  // Who may more is another's to change: neither is anything given to take him over, nor taken from him.
  const demandOver = async (caller: Caller, email: string): Promise<Person> => {
    const person = await people.find(email);
    const held = await heldBy(plane, { kind: "user", id: person.id }, person.role);
    demandNoLess(caller, person.email, held, "email");
    return person;
  };
  return {
    async listUsers(request) {
      const size = pageSize(request);
      const after = pageStart("users", request.pageToken, 1)?.[0] ?? null;
      const { rows, nextPageToken } = toPage("users", await people.list(after, size + 1), size, ({ email }) => [email]);
      const ids = rows.map(({ id }) => id);
      const held = await grants.ofAll("user", ids);
      return { users: rows.map((person) => userView(person, held.get(person.id) ?? [])), nextPageToken };
    },

    getUser: async ({ email }) => ({ user: await shown(email) }),

    async createUser({ email, name, role }, context) {
      const password = await people.create({ email, name, role: await grantable(plane, callerOf(context), role) });
      return { user: await shown(email), password };
    },

    async updateUser({ email, role }, context) {
      const granted = await grantable(plane, callerOf(context), role);
      await demandOver(callerOf(context), email);
      await people.setRole(email, granted);
      forgetIdentities();
      return { user: await shown(email) };
    },

    async grantRole(request, context) {
      const { id } = await people.find(request.email);
      const grant = await grantableWithin(plane, callerOf(context), request);
      await grants.add({ kind: "user", id }, grant, requestedBy(context));
      forgetIdentities();
      return { user: await shown(request.email) };
    },

    async ungrantRole(request, context) {
      const { id, email } = await demandOver(callerOf(context), request.email);
      const { grant } = await scopeOf(plane, callerOf(context), request);
      // What PostgreSQL would not even look for is not held either.
      if (!isPlain(request.role) || !(await grants.remove({ kind: "user", id }, grant))) {
        const message = `${email} has not the role ${quoted(request.role)} there`;
        throw new Refusal("not_found", message, `see what there is: lormas user show ${email}`, { field: "role" });
      }
      forgetIdentities();
      return { user: await shown(email) };
    },

    async resetPassword({ email }, context) {
      await demandOver(callerOf(context), email);
      const password = await people.resetPassword(email);
      forgetIdentities();
      return { user: await shown(email), password };
    },

    async endSessions({ email }, context) {
      const ended = await sessions.endAll((await demandOver(callerOf(context), email)).id);
      forgetIdentities();
      return { ended };
    },

    async deleteUser({ email }, context) {
      await demandOver(callerOf(context), email);
      await people.remove(email);
      forgetIdentities();
      return {};
    },

    async listUserSessions({ email }, context) {
      const { sessionId } = callerOf(context);
      const open = await sessions.of((await people.find(email)).id);
      return { sessions: open.map((session) => sessionView(session, sessionId)) };
    },

    async removeTwoFactor({ email }, context) {
      await demandOver(callerOf(context), email);
      await people.removeTwoFactor(email);
      return { user: await shown(email) };
    },

    async endUserSession({ email, id }, context) {
      const person = await demandOver(callerOf(context), email);
      if (!(await sessions.end(person.id, id))) throw noSession(id, `lormas user sessions ${person.email}`);
      forgetIdentities();
      return {};
    },
  };
}

/** Somebody as the API shows him. Refusals: not_found. */
export async function shownUser({ people, grants }: Pick<PlaneContext, "people" | "grants">, email: string) {
  const person = await people.find(email);
  return userView(person, await grants.of({ kind: "user", id: person.id }));
}

function userView(person: Person, held: ScopedGrant[]) {
  const { email, name, role, mustChangePassword, createdAt, sessionCount, locale, timeZone, twoFactorEnabled } = person;
  return {
    ...{ email, name, role, mustChangePassword, sessionCount, locale, timeZone, twoFactorEnabled },
    ...{ createdAt: timestampFromDate(createdAt), grants: held.map(grantView) },
  };
}
