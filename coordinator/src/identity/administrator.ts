import type { AuthServer } from "./auth-server.ts";
import { randomPassword } from "./random-password.ts";

/**
 * Makes sure that somebody can sign in: while there is no user, makes the administrator, who must change the password at the first
 * sign-in; `audit` is told before. A user of that address who can sign in, were it by a provider alone, is left as he is. Resolves with
 * the password if it was made up here, so that the caller can show it this once; null when there is nothing to show.
 */
export async function ensureAdministrator(
  { auth }: AuthServer,
  seed: { readonly email: string; readonly password: string | null },
  audit: (email: string) => Promise<void>,
): Promise<{ firstPassword: string | null }> {
  const { internalAdapter, password } = await auth.$context;
  const email = seed.email.toLowerCase();
  const found = await internalAdapter.findUserByEmail(email, { includeAccounts: true });
  if (found !== null && found.accounts.length > 0) return { firstPassword: null };
  if (found === null && (await internalAdapter.countTotalUsers()) > 0) return { firstPassword: null };
  const chosen = seed.password ?? randomPassword();
  await audit(email);
  // A crash between the two leaves a user without a password, whom the next start gives one.
  const user =
    found?.user ??
    (await internalAdapter.createUser(
      { email, name: "Administrator", emailVerified: true, role: "superadmin", mustChangePassword: true },
      { method: "email-password" },
    ));
  // Whoever it was made by: the configuration's password is one that others have read.
  await internalAdapter.updateUser(user.id, { mustChangePassword: true });
  await internalAdapter.linkAccount({
    userId: user.id,
    providerId: "credential",
    accountId: user.id,
    password: await password.hash(chosen),
  });
  return { firstPassword: seed.password === null ? chosen : null };
}
