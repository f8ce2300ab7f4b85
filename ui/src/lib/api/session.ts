import type { ApiError } from "./api-error.ts";

/** Who is signed in. */
export type SessionUser = {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** True until the first password is replaced; the API refuses every call meanwhile. */
  readonly mustChangePassword: boolean;
  /** The BCP 47 tag and the IANA's time zone that they chose; empty: the browser's. */
  readonly locale: string;
  readonly timeZone: string;
};

/** Either what was asked for, or why not. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ApiError };

/** The signed-in user, or null. An error means that it could not be found out, not that nobody is signed in. */
export async function readSession(fetchFn: typeof fetch = fetch): Promise<Result<SessionUser | null>> {
  const answer = await callAuth(fetchFn, "GET", "/api/auth/get-session");
  if (!answer.ok) return answer.error.code === "unauthenticated" ? { ok: true, value: null } : answer;
  return { ok: true, value: userOf(answer.value) };
}

/**
 * Signs in; on success the browser holds the session cookie, or, with `secondFactor`, the question for a code, which
 * verifySecondFactor() answers.
 */
export async function signIn(
  email: string,
  password: string,
  fetchFn: typeof fetch = fetch,
): Promise<Result<{ readonly secondFactor: boolean }>> {
  const answer = await callAuth(fetchFn, "POST", "/api/auth/sign-in/email", { email, password });
  if (!answer.ok) return answer;
  return { ok: true, value: { secondFactor: record(answer.value)?.["twoFactorRedirect"] === true } };
}

/** Answers the question for a second factor with a code of the app, or with a recovery code. */
export function verifySecondFactor(
  code: string,
  recovery: boolean,
  fetchFn: typeof fetch = fetch,
): Promise<Result<unknown>> {
  const path = recovery ? "verify-backup-code" : "verify-totp";
  // Apps show a code in two groups, and so people type it.
  const plain = recovery ? code.trim() : code.replaceAll(/\s/g, "");
  return callAuth(fetchFn, "POST", `/api/auth/two-factor/${path}`, { code: plain });
}

/** Ends the session on the server and drops the cookie. */
export function signOut(fetchFn: typeof fetch = fetch): Promise<Result<unknown>> {
  return callAuth(fetchFn, "POST", "/api/auth/sign-out", {});
}

/** Replaces the password and ends every other session of the user. */
export function changePassword(
  currentPassword: string,
  newPassword: string,
  fetchFn: typeof fetch = fetch,
): Promise<Result<unknown>> {
  return callAuth(fetchFn, "POST", "/api/auth/change-password", {
    currentPassword,
    newPassword,
    revokeOtherSessions: true,
  });
}

/** Calls a route of /api/auth. Never rejects. */
export async function callAuth(
  fetchFn: typeof fetch,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<Result<unknown>> {
  let response: Response;
  try {
    response = await fetchFn(path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    return { ok: false, error: unreachable };
  }
  const text = await response.text().catch(() => "");
  const parsed = parse(text);
  if (response.ok) return { ok: true, value: parsed };
  return { ok: false, error: authError(response.status, parsed, response.headers.get("retry-after")) };
}

const newChallenge = "Start again with your password.";
/** What can be wrong with a second factor, and what to do. */
const secondFactorWords: Readonly<Record<string, readonly [message: string, nextStep: string]>> = {
  INVALID_CODE: ["The code is wrong.", "Type the one that your app shows now."],
  INVALID_BACKUP_CODE: ["The recovery code is wrong, or was used already.", "Type another one."],
  malformed_code: ["That is no code.", "A code of your app has six digits."],
  code_used: ["The code was used already.", "Wait for the next one of your app."],
  INVALID_TWO_FACTOR_COOKIE: ["It took too long, and this sign-in is over.", newChallenge],
  TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE: ["Too many wrong codes.", newChallenge],
  TOTP_NOT_ENABLED: ["The account has no second factor any more.", newChallenge],
};

const unreachable: ApiError = {
  code: "unavailable",
  message: "The coordinator cannot be reached.",
  field: "",
  nextStep: "Check that it runs, then try again.",
  retryable: true,
};

/** Words for better-auth's refusals; its own message where there is no better one. */
export function authError(status: number, body: unknown, retryAfterSeconds: string | null): ApiError {
  const given = record(body);
  const code = string(given?.["code"]);
  const message = string(given?.["message"]);
  const base = { field: "", retryable: false };
  if (status === 429) {
    const wait = Number(retryAfterSeconds);
    const when =
      Number.isFinite(wait) && wait > 0
        ? `Wait ${Math.ceil(wait)} s, then try again.`
        : "Wait a minute, then try again.";
    return { ...base, code: "rate_limited", message: "Too many attempts.", nextStep: when, retryable: true };
  }
  const factor = secondFactorWords[code];
  if (factor !== undefined) return { ...base, code, message: factor[0], nextStep: factor[1] };
  if (code === "INVALID_EMAIL_OR_PASSWORD" || (status === 401 && code === "")) {
    const next = "Check both and try again. The first password was printed when the coordinator first started.";
    return {
      ...base,
      code: "unauthenticated",
      message: "The e-mail address or the password is wrong.",
      nextStep: next,
    };
  }
  if (code === "INVALID_PASSWORD") {
    return {
      ...base,
      code,
      field: "currentPassword",
      message: "The current password is wrong.",
      nextStep: "Type it again.",
    };
  }
  if (code === "PASSWORD_TOO_SHORT" || code === "PASSWORD_TOO_LONG") {
    return {
      ...base,
      code,
      field: "newPassword",
      message: message || "The new password is refused.",
      nextStep: "Choose another one.",
    };
  }
  return {
    ...base,
    code: code || `http_${status}`,
    message: message || `The coordinator answered with status ${status}.`,
    nextStep: status >= 500 ? "Try again; if it stays so, look at the coordinator's log." : "Correct it and try again.",
    retryable: status >= 500,
  };
}

function userOf(body: unknown): SessionUser | null {
  const user = record(record(body)?.["user"]);
  if (user === undefined) return null;
  return {
    id: string(user["id"]),
    email: string(user["email"]),
    name: string(user["name"]),
    mustChangePassword: user["mustChangePassword"] === true,
    locale: string(user["locale"]),
    timeZone: string(user["timeZone"]),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}
