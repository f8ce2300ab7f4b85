import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type AccessService, UpdateProfileRequestSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { ProfileWish } from "../../identity/people.ts";
import type { ApiTokenRecord } from "../../store/api-token-store.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import type { Caller } from "../call-context.ts";
import { type Maskable, unmasked } from "../field-mask.ts";
import { callerOf, type PlaneContext, requestedBy } from "./plane-context.ts";
import { noSession, sessionView } from "./session-view.ts";
import { tokenView } from "./token-view.ts";
import { shownUser } from "./user-methods.ts";

type OwnAccountMethods = Pick<
  ServiceImpl<typeof AccessService>,
  | "getProfile"
  | "updateProfile"
  | "listOwnSessions"
  | "endOwnSession"
  | "endOtherSessions"
  | "listOwnTokens"
  | "revokeOwnToken"
>;

/** Cleared is as the browser says. */
const MASKABLE: Maskable<typeof UpdateProfileRequestSchema> = {
  cleared: { locale: "", timeZone: "" },
  needed: ["name"],
  changes: [],
};

/** What concerns the caller alone; see the proto. */
export function ownAccountMethods(plane: PlaneContext): OwnAccountMethods {
  const { people, sessions, tokens, grants, forgetIdentities } = plane;
  const ownTokens = async (context: HandlerContext): Promise<ApiTokenRecord[]> =>
    (await tokens.valid()).filter((token) => isOwnToken(context, token));
  return {
    async getProfile(_, context) {
      return { user: await shownUser(plane, personOf(context).name) };
    },

    async updateProfile(given, context) {
      const { name, locale, timeZone } = unmasked(UpdateProfileRequestSchema, given, MASKABLE);
      const email = personOf(context).name;
      const wish: ProfileWish = {
        ...(name === undefined ? {} : { name }),
        ...(locale === undefined ? {} : { locale }),
        ...(timeZone === undefined ? {} : { timeZone }),
      };
      await people.setProfile(email, wish);
      return { user: await shownUser(plane, email) };
    },

    async listOwnSessions(_, context) {
      const { id, sessionId } = personOf(context);
      return { sessions: (await sessions.of(id)).map((session) => sessionView(session, sessionId)) };
    },

    async endOwnSession({ id }, context) {
      if (!(await sessions.end(personOf(context).id, id))) throw noSession(id, "lormas auth sessions");
      forgetIdentities();
      return {};
    },

    async endOtherSessions(_, context) {
      const { id, sessionId } = personOf(context);
      const ended = await sessions.endAll(id, sessionId);
      forgetIdentities();
      return { ended };
    },

    async listOwnTokens(_, context) {
      const own = await ownTokens(context);
      const held = await grants.ofAll(
        "token",
        own.map(({ tokenHash }) => tokenHash),
      );
      return { tokens: own.map((token) => tokenView(token, held.get(token.tokenHash) ?? [])) };
    },

    async revokeOwnToken({ name }, context) {
      const own = (await ownTokens(context)).some((token) => token.name === name);
      if (!own || (await tokens.revoke(name)) === 0) {
        const message = `there is no valid token ${quoted(name)} of your own`;
        throw new Refusal("not_found", message, "list them: lormas auth tokens", { field: "name" });
      }
      forgetIdentities();
      return {};
    },
  };
}

/** Whether a token is the caller himself, or one that he made. */
export function isOwnToken(context: HandlerContext, { name, createdBy }: ApiTokenRecord): boolean {
  const caller = callerOf(context);
  return createdBy === requestedBy(context) || (caller.kind === "token" && name === caller.name);
}

/** The caller, who must be a person: what a token's maker has is not the token's. */
function personOf(context: HandlerContext): Caller {
  const caller = callerOf(context);
  if (caller.kind === "session") return caller;
  throw new Refusal(
    "no_account",
    `${caller.kind} ${caller.name} is not a person, and has no account of its own`,
    "sign in with e-mail address and password",
  );
}
