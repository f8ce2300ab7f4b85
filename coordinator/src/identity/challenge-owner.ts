import { createAuthEndpoint } from "better-auth/api";
import { TWO_FACTOR_COOKIE } from "./challenge.ts";

/**
 * A plugin for better-auth that tells whom the cookie of a challenge asks for a second factor, read and checked as better-auth reads and
 * checks it. No route leads there: it is called inside alone.
 */
export const challengeOwner = {
  id: "lormas-challenge-owner",
  endpoints: {
    findChallenged: createAuthEndpoint.serverOnly({ method: "GET", requireHeaders: true }, async (context) => {
      const { internalAdapter, secret } = context.context;
      const { name } = context.context.createAuthCookie(TWO_FACTOR_COOKIE);
      const identifier = await context.getSignedCookie(name, secret);
      // A session's token is signed with the same secret.
      if (typeof identifier !== "string" || !identifier.startsWith("2fa-")) return null;
      const challenge = await internalAdapter.findVerificationValue(identifier);
      const user = challenge && (await internalAdapter.findUserById(challenge.value));
      return user ? { id: user.id, name: user.email } : null;
    }),
  },
} as const;
