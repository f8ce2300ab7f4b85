import http from "node:http";
import https from "node:https";
import { CliFailure } from "../cli-failure.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import { connectionFailure } from "./api-failure.ts";

const CALL_MS_MAX = 30_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const COOKIE = /^((?:__Secure-)?lormas\.session_token=[\x21-\x3a\x3c-\x7e]{1,4096})(?:;|$)/;
const CHALLENGE = /^((?:__Secure-)?lormas\.two_factor=[\x21-\x3a\x3c-\x7e]{1,4096})(?:;|$)/;

/** What a right password gives: a session, or the question for a second factor. Each is a cookie, "name=value". */
export type SignInAnswer = { readonly kind: "session" | "challenge"; readonly cookie: string };

type Answer = { readonly status: number; readonly body: Record<string, unknown>; readonly cookies: readonly string[] };

/**
 * Sign-in, sign-out, a second factor and a change of password at one coordinator. Calls are bounded to 30 s and 64 KiB of answer, and fail
 * with a CliFailure.
 */
export class SessionClient {
  readonly #url: string;
  readonly #ca: string | undefined;

  /** @param ca the only certificate authorities that are believed (PEM); absent: those of the machine */
  constructor(url: string, ca: string | undefined) {
    this.#url = url;
    this.#ca = ca;
  }

  /** Signs in; a challenge is answered with secondFactor(). */
  async signIn(email: string, password: string): Promise<SignInAnswer> {
    const answer = await this.#post("sign-in/email", { email, password });
    if (answer.status === 401) {
      throw new CliFailure(
        exitCode.refused,
        `${this.#url} refused the sign-in: the e-mail address or the password is wrong`,
        "try again; an administrator gives a new first password with: lormas user reset-password E-MAIL",
      );
    }
    this.#demandOk(answer, "the sign-in");
    const asked = answer.body["twoFactorRedirect"] === true;
    const cookie = cookieOf(answer, asked ? CHALLENGE : COOKIE);
    if (cookie !== undefined) return { kind: asked ? "challenge" : "session", cookie };
    throw this.#withoutCookie();
  }

  /**
   * Answers a challenge with a code of the app (six digits) or a recovery code; the session's cookie.
   *
   * @param challenge what signIn() gave; it is good for 10 minutes and 5 codes
   */
  async secondFactor(challenge: string, code: string): Promise<string> {
    const path = /^\d{6}$/.test(code.trim()) ? "verify-totp" : "verify-backup-code";
    const answer = await this.#post(`two-factor/${path}`, { code: code.trim() }, challenge);
    if (answer.status === 401) {
      throw new CliFailure(
        exitCode.refused,
        `${this.#url} refused the second factor: ${saidBy(answer)}`,
        "sign in again with the next code of your app; without app and recovery codes, an administrator helps: lormas user remove-two-factor E-MAIL",
      );
    }
    this.#demandOk(answer, "the second factor");
    const cookie = cookieOf(answer, COOKIE);
    if (cookie !== undefined) return cookie;
    throw this.#withoutCookie();
  }

  /** Ends a session. */
  async signOut(session: string): Promise<void> {
    this.#demandOk(await this.#post("sign-out", {}, session), "the sign-out");
  }

  /** Replaces the password; ends every other session of the account. The cookie of the session that goes on. */
  async changePassword(session: string, currentPassword: string, newPassword: string): Promise<string> {
    const body = { currentPassword, newPassword, revokeOtherSessions: true };
    const answer = await this.#post("change-password", body, session);
    this.#demandOk(answer, "the new password");
    return cookieOf(answer, COOKIE) ?? session;
  }

  /** Begins to set up a second factor, which counts once it is confirmed: an otpauth:// address, and recovery codes. */
  async setUpTwoFactor(
    session: string,
    password: string,
  ): Promise<{ readonly uri: string; readonly recoveryCodes: readonly string[] }> {
    const answer = await this.#post("two-factor/enable", { password }, session);
    this.#demandOk(answer, "to set up a second factor");
    const uri = answer.body["totpURI"];
    if (typeof uri !== "string") throw new CliFailure(exitCode.failed, `${this.#url} gave no second factor`, "");
    return { uri, recoveryCodes: codesOf(answer) };
  }

  /** Confirms a second factor with the code that the app shows. The cookie of the session that goes on. */
  async confirmTwoFactor(session: string, code: string): Promise<string> {
    const answer = await this.#post("two-factor/verify-totp", { code: code.trim() }, session);
    this.#demandOk(answer, "the code, so that nothing has changed");
    return cookieOf(answer, COOKIE) ?? session;
  }

  /** Takes the second factor off. The cookie of the session that goes on. */
  async removeTwoFactor(session: string, password: string): Promise<string> {
    const answer = await this.#post("two-factor/disable", { password }, session);
    this.#demandOk(answer, "to take the second factor off");
    return cookieOf(answer, COOKIE) ?? session;
  }

  /** New recovery codes, in place of those of before. */
  async newRecoveryCodes(session: string, password: string): Promise<readonly string[]> {
    const answer = await this.#post("two-factor/generate-backup-codes", { password }, session);
    this.#demandOk(answer, "new recovery codes");
    return codesOf(answer);
  }

  #withoutCookie(): CliFailure {
    return new CliFailure(
      exitCode.failed,
      `${this.#url} took the sign-in but gave no session`,
      "see that this is the address of a coordinator, with nothing before it that drops cookies",
    );
  }

  #demandOk(answer: Answer, what: string): void {
    const { status } = answer;
    if (status >= 200 && status < 300) return;
    const next =
      status === 429 || status === 503
        ? "try again later"
        : status === 404
          ? "see that the address is that of a coordinator"
          : "";
    throw new CliFailure(codeOf(status), `${this.#url} refused ${what}: ${saidBy(answer)}`, next);
  }

  async #post(path: string, body: unknown, session?: string): Promise<Answer> {
    try {
      return await post(new URL(`${this.#url}/api/auth/${path}`), JSON.stringify(body), session, this.#ca);
    } catch (error) {
      throw connectionFailure(error, this.#url);
    }
  }
}

function cookieOf({ cookies }: Answer, pattern: RegExp): string | undefined {
  return cookies.map((text) => pattern.exec(text)?.[1]).find((found) => found !== undefined);
}

function codesOf({ body }: Answer): readonly string[] {
  const codes = body["backupCodes"];
  return Array.isArray(codes) ? codes.filter((code): code is string => typeof code === "string") : [];
}

function saidBy({ status, body }: Answer): string {
  return typeof body["message"] === "string" && body["message"] !== "" ? body["message"] : `HTTP ${status}`;
}

function codeOf(status: number): ExitCode {
  if (status === 400) return exitCode.usage;
  if (status === 401 || status === 403) return exitCode.refused;
  if (status === 429) return exitCode.conflict;
  return status === 503 ? exitCode.unavailable : exitCode.failed;
}

function post(url: URL, body: string, session: string | undefined, ca: string | undefined): Promise<Answer> {
  const headers = {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    // Browsers say where a page comes from; without it a call with a cookie counts as one of another site.
    origin: url.origin,
    "user-agent": "lormas-cli",
    ...(session === undefined ? {} : { cookie: session }),
  };
  const options = { method: "POST", headers, agent: false as const, signal: AbortSignal.timeout(CALL_MS_MAX) };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === "https:"
        ? https.request(url, { ...options, ...(ca === undefined ? {} : { ca }) })
        : http.request(url, options);
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          body: jsonOf(Buffer.concat(chunks).toString("utf8")),
          cookies: response.headers["set-cookie"] ?? [],
        }),
      );
    });
    request.end(body);
  });
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // Not a coordinator's answer: its status says what can be said.
  }
}
