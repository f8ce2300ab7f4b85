import { randomInt } from "node:crypto";
import type { AuthServer } from "./auth-server.ts";

/** Letters and digits that nobody takes for one another. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP_LENGTH = 6;

/** A password of 24 unambiguous characters in four groups: 118 bits. */
export function randomPassword(): string {
  const group = (): string => Array.from({ length: GROUP_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
  return Array.from({ length: GROUPS }, group).join("-");
}

/**
 * Makes sure that somebody can sign in: while there is no user with a password, makes the administrator, who must change
 * the password at the first sign-in. Resolves with the password if it was made up here, so that the caller can show it
 * this once; null when there is nothing to show.
 */
export async function ensureAdministrator(
  { auth }: AuthServer,
  seed: { readonly email: string; readonly password: string | null },
): Promise<{ firstPassword: string | null }> {
  const { internalAdapter, password } = await auth.$context;
  const email = seed.email.toLowerCase();
  const found = await internalAdapter.findUserByEmail(email, { includeAccounts: true });
  if (found?.accounts.some((account) => account.providerId === "credential")) return { firstPassword: null };
  if (found === null && (await internalAdapter.countTotalUsers()) > 0) return { firstPassword: null };
  const chosen = seed.password ?? randomPassword();
  // A crash between the two leaves a user without a password, whom the next start gives one.
  const user =
    found?.user ??
    (await internalAdapter.createUser(
      { email, name: "Administrator", emailVerified: true, mustChangePassword: true },
      { method: "email-password" },
    ));
  await internalAdapter.linkAccount({
    userId: user.id,
    providerId: "credential",
    accountId: user.id,
    password: await password.hash(chosen),
  });
  return { firstPassword: seed.password === null ? chosen : null };
}
