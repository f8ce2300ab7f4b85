import { callAuth, type Result, verifySecondFactor } from "./session.ts";

/** What an app is told once: its address, the key in it for typing by hand, and codes for when the app is lost. */
export type NewSecondFactor = { readonly uri: string; readonly key: string; readonly recoveryCodes: readonly string[] };

/** Begins to set one up. It counts once confirmSecondFactor() was given a code of the app. */
export async function setUpSecondFactor(
  password: string,
  fetchFn: typeof fetch = fetch,
): Promise<Result<NewSecondFactor>> {
  const answer = await callAuth(fetchFn, "POST", "/api/auth/two-factor/enable", { password });
  if (!answer.ok) return answer;
  const given = answer.value as { totpURI?: unknown } | null;
  const uri = typeof given?.totpURI === "string" ? given.totpURI : "";
  const key = /[?&]secret=([A-Z2-7]+)/i.exec(uri)?.[1] ?? "";
  if (key === "") {
    const error = { code: "malformed_answer", field: "", retryable: false };
    const message = "The coordinator gave no second factor.";
    return { ok: false, error: { ...error, message, nextStep: "Look at the coordinator's log." } };
  }
  return { ok: true, value: { uri, key, recoveryCodes: codesOf(answer.value) } };
}

/** From now on a sign-in asks for a code. The session is replaced by another one. */
export function confirmSecondFactor(code: string, fetchFn: typeof fetch = fetch): Promise<Result<unknown>> {
  return verifySecondFactor(code, false, fetchFn);
}

/** The password is enough again. The session is replaced by another one. */
export function removeSecondFactor(password: string, fetchFn: typeof fetch = fetch): Promise<Result<unknown>> {
  return callAuth(fetchFn, "POST", "/api/auth/two-factor/disable", { password });
}

/** New recovery codes; those of before are void. */
export async function newRecoveryCodes(
  password: string,
  fetchFn: typeof fetch = fetch,
): Promise<Result<readonly string[]>> {
  const answer = await callAuth(fetchFn, "POST", "/api/auth/two-factor/generate-backup-codes", { password });
  return answer.ok ? { ok: true, value: codesOf(answer.value) } : answer;
}

function codesOf(body: unknown): readonly string[] {
  const codes = (body as { backupCodes?: unknown } | null)?.backupCodes;
  return Array.isArray(codes) ? codes.filter((code): code is string => typeof code === "string") : [];
}
