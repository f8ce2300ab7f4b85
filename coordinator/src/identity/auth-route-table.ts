import type { GuessKind } from "./sign-in-limits.ts";

/** A route of better-auth that is reachable. */
export type AuthRoute = {
  readonly verb: "GET" | "POST";
  /** What the audit trail calls it. */
  readonly method: string;
  /** What somebody could guess there: attempts are counted. A "change" takes a session as well. */
  readonly guesses: Exclude<GuessKind, "provider"> | "";
  /** The fields of its body that must be there. Nothing else of it but these and `flags` reaches better-auth. */
  readonly texts: readonly string[];
  /** True or false, or absent. */
  readonly flags: readonly string[];
};

const post = (
  method: string,
  guesses: AuthRoute["guesses"] = "",
  texts: readonly string[] = [],
  flags: readonly string[] = [],
): AuthRoute => ({ verb: "POST", method, guesses, texts, flags });

/** What of better-auth is reachable; everything else of it is answered with 404. */
export const AUTH_ROUTES: ReadonlyMap<string, AuthRoute> = new Map([
  ["/api/auth/sign-in/email", post("auth/sign-in", "password", ["email", "password"])],
  ["/api/auth/sign-out", post("auth/sign-out")],
  ["/api/auth/get-session", { verb: "GET", method: "auth/get-session", guesses: "", texts: [], flags: [] }],
  [
    "/api/auth/change-password",
    post("auth/change-password", "change", ["currentPassword", "newPassword"], ["revokeOtherSessions"]),
  ],
  ["/api/auth/two-factor/enable", post("auth/set-up-second-factor", "change", ["password"])],
  ["/api/auth/two-factor/disable", post("auth/remove-second-factor", "change", ["password"])],
  ["/api/auth/two-factor/generate-backup-codes", post("auth/new-recovery-codes", "change", ["password"])],
  ["/api/auth/two-factor/verify-totp", post("auth/second-factor", "code", ["code"])],
  ["/api/auth/two-factor/verify-backup-code", post("auth/second-factor", "code", ["code"])],
]);
