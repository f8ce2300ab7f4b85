import { parseCookies } from "better-call";
import type { AuthUser } from "./auth-audit.ts";
import type { AuthServer } from "./auth-server.ts";

/** Somebody whom a cookie tells, and that cookie alone: what better-auth is given, so that it sees nobody else. */
export type CookieOwner = { readonly user: AuthUser; readonly cookie: string };

/** A Cookie header with the one cookie of this name, as better-auth reads it out of this header; null when it is not there. */
export function onlyCookie(header: string | null | undefined, name: string): string | null {
  const value = parseCookies(header ?? "").get(name) ?? "";
  return value === "" ? null : `${name}=${encodeURIComponent(value)}`;
}

/** Whose open session a Cookie header holds, looked up now; null when it holds none. Rejects when the database does not answer. */
export async function sessionOwner({ auth }: AuthServer, header: string | undefined): Promise<CookieOwner | null> {
  const { authCookies } = await auth.$context;
  const cookie = onlyCookie(header, authCookies.sessionToken.name);
  if (cookie === null) return null;
  const found = await auth.api.getSession({
    headers: new Headers({ cookie }),
    query: { disableCookieCache: true, disableRefresh: true },
  });
  return found && { cookie, user: { id: found.user.id, name: found.user.email } };
}
