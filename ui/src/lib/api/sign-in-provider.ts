import type { ApiError } from "./api-error.ts";
import { callAuth, type Result } from "./session.ts";

/** A provider that signs people in (OpenID Connect), as the coordinator's configuration names it. */
export type SignInProvider = { readonly id: string; readonly label: string };

/** The providers that are configured. */
export async function readProviders(fetchFn: typeof fetch = fetch): Promise<Result<readonly SignInProvider[]>> {
  const answer = await callAuth(fetchFn, "GET", "/api/auth/providers");
  return answer.ok ? { ok: true, value: providersOf(answer.value) } : answer;
}

/** Begins a sign-in; the address at the provider to go on at. */
export async function startProvider(
  provider: string,
  next: string,
  fetchFn: typeof fetch = fetch,
): Promise<Result<string>> {
  const answer = await callAuth(fetchFn, "POST", "/api/auth/sign-in/provider", { provider, next });
  if (!answer.ok) return answer;
  const url =
    typeof answer.value === "object" && answer.value !== null && "url" in answer.value ? answer.value.url : "";
  if (typeof url === "string" && /^https?:\/\//.test(url)) return { ok: true, value: url };
  return { ok: false, error: problemOf("provider_failed") as ApiError };
}

const PROBLEMS: Readonly<Record<string, readonly [message: string, nextStep: string]>> = {
  provider_unreachable: ["The provider does not answer.", "Try again later, or sign in with your password."],
  provider_failed: [
    "The provider answered something that cannot be used.",
    "Tell an administrator, or sign in with your password.",
  ],
  provider_refused: ["The provider did not sign you in.", "Try again."],
  sign_in_expired: ["This sign-in is over, or was not begun in this browser.", "Start again."],
  email_not_verified: ["The provider has not verified your e-mail address.", "Verify it there, then sign in again."],
  email_unusable: [
    "The e-mail address that the provider has of you cannot be an account's.",
    "Ask an administrator: it must be one in plain letters, such as ann@example.org.",
  ],
  account_exists: [
    "An account has this e-mail address already, and is not linked with the provider.",
    "Sign in with your password, or ask an administrator.",
  ],
  accounts_full: ["No more accounts can be made.", "Ask an administrator."],
};

/** Words for the problem that a sign-in by a provider came back with; null when there is none. */
export function problemOf(code: string | null): ApiError | null {
  if (code === null || code === "") return null;
  const [message, nextStep] = (Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined) ?? [
    "The sign-in did not work.",
    "Start again.",
  ];
  return { code, message, nextStep, field: "", retryable: true };
}

function providersOf(body: unknown): SignInProvider[] {
  const given = typeof body === "object" && body !== null && "providers" in body ? body.providers : [];
  if (!Array.isArray(given)) return [];
  return given.filter(
    (one): one is SignInProvider =>
      typeof one === "object" && one !== null && typeof one.id === "string" && typeof one.label === "string",
  );
}
