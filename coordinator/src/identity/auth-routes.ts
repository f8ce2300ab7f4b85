import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { AuditUnavailable } from "../audit/audit-trail.ts";
import type { Database } from "../store/open-database.ts";
import type { AuthAudit, AuthCall, AuthUser } from "./auth-audit.ts";
import {
  BODY_BYTES_MAX,
  type Fields,
  fieldsOf,
  readBody,
  refusalOf,
  relay,
  send,
  takenFields,
  textOf,
  toHeaders,
  toRequest,
  userOf,
} from "./auth-exchange.ts";
import { AUTH_ROUTES, type AuthRoute } from "./auth-route-table.ts";
import type { AuthServer } from "./auth-server.ts";
import type { Authenticator } from "./authenticate.ts";
import { type CookieOwner, sessionOwner } from "./cookie-owner.ts";
import { isEmailAddress } from "./email-address.ts";
import type { ProviderRoutes } from "./oidc/provider-routes.ts";
import { CODE_LENGTH_MAX, type SecondFactor, TOTP_CODE } from "./second-factor.ts";
import type { GuessKind, SignInLimits } from "./sign-in-limits.ts";

const SIGN_IN = "/api/auth/sign-in/email";
const VERIFY_TOTP = "/api/auth/two-factor/verify-totp";

type AuthRoutesOptions = {
  readonly server: AuthServer;
  readonly limits: SignInLimits;
  readonly secondFactor: SecondFactor;
  readonly providers: ProviderRoutes;
  readonly authenticator: Authenticator;
  readonly audit: AuthAudit;
  readonly database: Database;
  readonly log: Logger;
};

/** One request to a route. */
type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly route: AuthRoute;
  readonly call: AuthCall;
  /** Of its body; null when that is no JSON object. */
  readonly fields: Fields | null;
  /** Whose session it came with; null when it came with none that is open. */
  readonly session: CookieOwner | null;
};

type Settle = Awaited<ReturnType<AuthAudit["begin"]>>;

/**
 * Serves /api/auth/*: sign-in, also by a provider, sign-out, the session, a change of password, the second factor. Never rejects.
 * better-auth gets no body and, for what changes something, no cookie but what was read here: it must not see somebody whose attempts
 * are not counted, or whose acts are not written down.
 */
export class AuthRoutes {
  readonly #options: AuthRoutesOptions;

  constructor(options: AuthRoutesOptions) {
    this.#options = options;
  }

  async serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    try {
      const served = await this.#options.providers.serve(request, response, requestId);
      if (!served) await this.#serve(request, response, requestId);
    } catch (error) {
      this.#options.log.error({ requestId, err: error }, "identity failed");
      if (error instanceof AuditUnavailable) {
        const text = "The audit trail cannot be written, and nothing is done without; try again.";
        send(response, 503, "audit_unavailable", text, 2_000);
      } else if (await this.#options.database.ping()) {
        send(response, 500, "internal", `The coordinator failed on request ${requestId}; the cause is in its log.`);
      } else {
        send(response, 503, "database_unavailable", "The database does not answer; try again.", 2_000);
      }
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const route = AUTH_ROUTES.get(path);
    if (route === undefined) return send(response, 404, "unknown_path", "There is nothing at this path.");
    if (route.verb !== request.method) {
      response.setHeader("allow", route.verb);
      return send(response, 405, "method_not_allowed", `This path takes ${route.verb} only.`);
    }
    const body = await readBody(request);
    if (body === null) {
      response.setHeader("connection", "close");
      return send(response, 413, "body_too_large", `The body is larger than ${BODY_BYTES_MAX} bytes.`);
    }
    // A form of another site can send every other type without asking.
    if (body.length > 0 && !/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
      return send(response, 415, "unsupported_media_type", "The body must be application/json.");
    }
    const call: AuthCall = { method: route.method, requestId, address: request.socket.remoteAddress ?? "" };
    const fields = body.length === 0 ? {} : fieldsOf(body.toString("utf8"));
    const { server } = this.#options;
    const known = path !== SIGN_IN && route.verb === "POST";
    const session = known ? await sessionOwner(server, request.headers.cookie) : null;
    await this.#dispatch({ request, response, path, route, call, fields, session });
  }

  async #dispatch(exchange: Exchange): Promise<void> {
    const { request, path, route, fields, session } = exchange;
    if (route.guesses === "code") return this.#code(exchange);
    if (route.guesses === "change" && session === null) {
      return this.#refuse(exchange, 401, "unauthenticated", "There is no session that is open; sign in.", null);
    }
    const taken = fields === null ? "" : takenFields(route, fields);
    if (typeof taken === "string") {
      const text = taken === "" ? "The body must be a JSON object." : `The field ${taken} is missing or malformed.`;
      return this.#refuse(exchange, 400, "malformed_body", text, session?.user ?? null);
    }
    if (path === SIGN_IN) return this.#signIn(exchange, taken);
    if (session !== null) return this.#change(exchange, taken, session);
    // It only reads; or it signs out whoever is signed in no more.
    const cookie = route.verb === "GET" ? (request.headers.cookie ?? null) : null;
    const { answer, text } = await this.#ask(exchange, cookie, taken);
    if (!answer.ok) this.#refused(exchange.call, null, text);
    relay(exchange.response, answer, text);
  }

  async #signIn(exchange: Exchange, taken: Fields): Promise<void> {
    const { response, call } = exchange;
    const { limits, audit } = this.#options;
    if (!isEmailAddress(textOf(taken, "email"))) {
      return this.#refuse(exchange, 400, "invalid_email", "This is no e-mail address.", null);
    }
    const email = textOf(taken, "email").toLowerCase();
    const account = (): Promise<AuthUser | null> => this.#accountOf(email);
    if (await this.#limited(exchange, "password", email, account)) return;
    const { answer, text } = await this.#ask(exchange, null, taken);
    if (answer.ok) await limits.succeeded("password", email, call.address);
    // A session that is there, and that nobody has been given yet; without its entry nobody is.
    if (!answer.ok) this.#refused(call, await account(), text);
    else if (fieldsOf(text)?.["twoFactorRedirect"] !== true) await audit.signedIn(call, userOf(text));
    else {
      const user = await account();
      if (user !== null) await audit.challenged(call, user);
    }
    relay(response, answer, text);
  }

  /** What somebody does who is signed in. It is committed first. */
  async #change(exchange: Exchange, taken: Fields, { user, cookie }: CookieOwner): Promise<void> {
    const { response, route, call } = exchange;
    const { limits, audit } = this.#options;
    const guesses = route.guesses === "change";
    if (guesses && (await this.#limited(exchange, "change", user.id, async () => user))) return;
    const settle = await audit.begin(call, user);
    const { answer, text } = await this.#ask(exchange, cookie, taken, settle);
    if (guesses && answer.ok) await limits.succeeded("change", user.id, call.address);
    await settle(...outcomeOf(answer, text));
    relay(response, answer, text);
  }

  /** A code of somebody who has given the password, or who is signed in and confirms a new second factor. */
  async #code(exchange: Exchange): Promise<void> {
    const { request, response, path, call, fields, session } = exchange;
    const { limits, secondFactor, audit } = this.#options;
    const owner = session ?? (await secondFactor.challenged(request.headers.cookie));
    if (owner === null) {
      const text = "No second factor is asked for, or not any more; sign in again.";
      return this.#refuse(exchange, 401, "INVALID_TWO_FACTOR_COOKIE", text, null);
    }
    const { user, cookie } = owner;
    if (await this.#limited(exchange, "code", user.id, async () => user)) return;
    const code = textOf(fields, "code");
    const wellFormed = path === VERIFY_TOTP ? TOTP_CODE.test(code) : code !== "" && code.length <= CODE_LENGTH_MAX;
    if (!wellFormed) {
      const text = path === VERIFY_TOTP ? "A code has six digits." : "This is no recovery code.";
      return this.#refuse(exchange, 400, "malformed_code", text, user);
    }
    if (path === VERIFY_TOTP && !(await secondFactor.claim(user.id, code))) {
      const text = "This code was used already; wait for the next one of your app.";
      return this.#refuse(exchange, 401, "code_used", text, user);
    }
    if (!(await secondFactor.isReadable(user.id))) {
      const text = "This second factor cannot be read (auth.secret is another one); an administrator takes it off.";
      return this.#refuse(exchange, 409, "second_factor_unreadable", text, user);
    }
    const settle = session && (await audit.begin(call, user));
    // The code alone: a browser that is trusted for a month would be asked for no second factor.
    const { answer, text } = await this.#ask(exchange, cookie, { code }, settle ?? undefined);
    if (answer.ok) await limits.succeeded("code", user.id, call.address);
    if (settle !== null) await settle(...outcomeOf(answer, text));
    else if (answer.ok) await audit.signedIn(call, userOf(text));
    else this.#refused(call, user, text);
    relay(response, answer, text);
  }

  /** Counts an attempt, and answers that there were too many; false when it may go on. */
  async #limited(
    exchange: Exchange,
    kind: GuessKind,
    of: string,
    whose: () => Promise<AuthUser | null>,
  ): Promise<boolean> {
    const waitMs = await this.#options.limits.attempt(kind, of, exchange.call.address);
    if (waitMs <= 0) return false;
    const text = `Too many attempts; try again in ${Math.ceil(waitMs / 1_000)} s.`;
    this.#refuse(exchange, 429, "rate_limited", text, await whose(), waitMs);
    return true;
  }

  async #ask(
    { request, path, call }: Exchange,
    cookie: string | null,
    fields: Fields,
    settle?: Settle,
  ): Promise<{ readonly answer: Response; readonly text: string }> {
    const headers = toHeaders(request, cookie, call.address);
    const answer = await this.#options.server.auth.handler(toRequest(request, path, headers, fields));
    const text = await answer.text();
    if (answer.status >= 500) {
      await settle?.("internal", `better-auth answered ${answer.status}`);
      throw new Error(`better-auth answered ${answer.status}: ${text}`);
    }
    if (request.method !== "GET") this.#options.authenticator.forget();
    return { answer, text };
  }

  /** Refuses what better-auth is not even asked, and writes it down. */
  #refuse(
    { response, call }: Exchange,
    status: number,
    code: string,
    text: string,
    user: AuthUser | null,
    waitMs = 0,
  ): void {
    this.#options.audit.refused(call, user, code.toLowerCase(), text);
    send(response, status, code, text, waitMs);
  }

  #refused(call: AuthCall, user: AuthUser | null, text: string): void {
    this.#options.audit.refused(call, user, refusalOf(text).code, refusalOf(text).message);
  }

  async #accountOf(email: string): Promise<AuthUser | null> {
    const { internalAdapter } = await this.#options.server.auth.$context;
    const found = await internalAdapter.findUserByEmail(email);
    return found && { id: found.user.id, name: found.user.email };
  }
}

function outcomeOf(answer: Response, text: string): [outcome: string, reason: string] {
  if (answer.ok) return ["ok", ""];
  const { code, message } = refusalOf(text);
  return [code, message];
}
