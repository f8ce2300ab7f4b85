import { APIError, createAuthEndpoint } from "better-auth/api";
import { deleteSessionCookie, setSessionCookie } from "better-auth/cookies";
import { generateRandomString } from "better-auth/crypto";
import { z } from "zod";
import { CHALLENGE_SECONDS, TWO_FACTOR_COOKIE } from "../challenge.ts";

/**
 * A plugin for better-auth that opens the session of somebody whom a provider has signed in, or, where the account has a second
 * factor, asks for that as the sign-in with a password does. No route leads there: it is called inside alone.
 */
export const providerSession = {
  id: "lormas-provider-session",
  endpoints: {
    openProviderSession: createAuthEndpoint.serverOnly(
      { method: "POST", body: z.object({ userId: z.string(), nowMs: z.number() }) },
      async (context) => {
        const { internalAdapter, secret } = context.context;
        const user = await internalAdapter.findUserById(context.body.userId);
        if (user === null) throw new APIError("NOT_FOUND");
        if ((user as { readonly twoFactorEnabled?: boolean | null }).twoFactorEnabled !== true) {
          const session = await internalAdapter.createSession(user.id);
          await setSessionCookie(context, { session, user });
          return context.json({ challenged: false });
        }
        // Else the code would be taken for one of whoever was signed in here before.
        deleteSessionCookie(context, true);
        const identifier = `2fa-${generateRandomString(20)}`;
        const expiresAt = new Date(context.body.nowMs + CHALLENGE_SECONDS * 1_000);
        await internalAdapter.createVerificationValue({ value: user.id, identifier, expiresAt });
        await internalAdapter.createVerificationValue({
          value: "0",
          identifier: `2fa-attempts-${identifier}`,
          expiresAt,
        });
        const { name, attributes } = context.context.createAuthCookie(TWO_FACTOR_COOKIE, { maxAge: CHALLENGE_SECONDS });
        await context.setSignedCookie(name, identifier, secret, attributes);
        return context.json({ challenged: true });
      },
    ),
  },
} as const;
