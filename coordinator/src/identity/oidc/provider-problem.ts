/** Why a sign-in by a provider did not work: a closed set, which the sign-in page has words for. */
export type ProblemCode =
  | "provider_unreachable"
  | "provider_failed"
  | "provider_refused"
  | "sign_in_expired"
  | "email_not_verified"
  | "email_unusable"
  | "account_exists"
  | "accounts_full";

/** A sign-in by a provider that ends; the message is for the log and the audit trail. */
export class ProviderProblem extends Error {
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProviderProblem";
    this.code = code;
  }
}
