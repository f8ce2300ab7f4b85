import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Clock } from "../../runtime/clock.ts";
import type { AuthAudit, AuthCall, AuthUser } from "../auth-audit.ts";
import { fieldsOf, readBody, schemeOf, send, textOf, toHeaders } from "../auth-exchange.ts";
import type { AuthServer } from "../auth-server.ts";
import type { SignInLimits } from "../sign-in-limits.ts";
import { FLOW_SECONDS, type FlowCookie } from "./flow-cookie.ts";
import type { Claims, Flow, OidcClient } from "./oidc-client.ts";
import type { ProviderAccounts } from "./provider-accounts.ts";
import { ProviderProblem } from "./provider-problem.ts";

/** Conversations with providers at once; one more is told to come back. */
export const CONVERSATIONS_MAX = 32;

const PROVIDERS = "/api/auth/providers";
const START = "/api/auth/sign-in/provider";
const CALLBACK = /^\/api\/auth\/callback\/([a-z0-9-]{1,32})$/;
const METHOD = "auth/sign-in-by-provider";

type ProviderRoutesOptions = {
  readonly clients: readonly OidcClient[];
  readonly accounts: ProviderAccounts;
  readonly cookie: FlowCookie;
  readonly server: AuthServer;
  readonly limits: SignInLimits;
  readonly audit: AuthAudit;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where browsers reach the coordinator; null: where they say they have. */
  readonly publicUrl: string | null;
};

/** Sign-in by a provider: which there are, the way there, and the way back. */
export class ProviderRoutes {
  readonly #options: ProviderRoutesOptions;
  #clients: readonly OidcClient[];
  #conversations = 0;

  constructor(options: ProviderRoutesOptions) {
    this.#options = options;
    this.#clients = options.clients;
  }

  /** Others from now on. Who is under way to one that is still there comes back to it as it is by then. */
  use(clients: readonly OidcClient[]): void {
    this.#clients = clients;
  }

  /** Answers what is for it; false for the rest. */
  async serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<boolean> {
    const url = URL.parse(request.url ?? "", "http://localhost");
    const path = url?.pathname ?? "";
    const call: AuthCall = { method: METHOD, requestId, address: request.socket.remoteAddress ?? "" };
    const verb = path === START ? "POST" : "GET";
    const back = CALLBACK.exec(path);
    if (path !== PROVIDERS && path !== START && back === null) return false;
    if (request.method !== verb) {
      response.setHeader("allow", verb);
      send(response, 405, "method_not_allowed", `This path takes ${verb} only.`);
    } else if (path === PROVIDERS) this.#list(response);
    else if (path === START) await this.#start(request, response, call);
    else await this.#back(request, response, call, back?.[1] ?? "", url?.searchParams ?? new URLSearchParams());
    return true;
  }

  #list(response: ServerResponse): void {
    const providers = this.#clients.map(({ config: { id, label } }) => ({ id, label }));
    response.setHeader("cache-control", "no-store");
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify({ providers }));
  }

  async #start(request: IncomingMessage, response: ServerResponse, call: AuthCall): Promise<void> {
    const body = await readBody(request);
    if (body === null) return send(response, 413, "body_too_large", "The body is too large.");
    if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
      return send(response, 415, "unsupported_media_type", "The body must be application/json.");
    }
    const fields = fieldsOf(body.toString("utf8"));
    if (fields === null) return send(response, 400, "malformed_body", "The body must be a JSON object.");
    const client = this.#clients.find(({ config }) => config.id === textOf(fields, "provider"));
    if (client === undefined) return send(response, 404, "unknown_provider", "There is no provider of this name.");
    const next = textOf(fields, "next") || "/";
    if (!isOwnPath(next)) {
      return send(response, 400, "invalid_argument", "next must be a path of this address, such as /nodes.");
    }
    // Nobody is known yet: only the network is counted.
    const waitMs = await this.#options.limits.attempt("provider", randomBytes(8).toString("hex"), call.address);
    if (waitMs > 0) {
      return send(
        response,
        429,
        "rate_limited",
        `Too many attempts; try again in ${Math.ceil(waitMs / 1_000)} s.`,
        waitMs,
      );
    }
    try {
      const { url, flow } = await this.#converse(() =>
        client.begin(
          this.#redirectUri(request, client.config.id),
          next,
          this.#options.clock.wallMs() + FLOW_SECONDS * 1_000,
        ),
      );
      response.setHeader("set-cookie", this.#options.cookie.keep(flow));
      response.setHeader("cache-control", "no-store");
      response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
      response.end(JSON.stringify({ url }));
    } catch (error) {
      if (!(error instanceof ProviderProblem)) throw error;
      this.#note(call, null, error);
      send(response, 502, error.code, `${client.config.label} cannot sign anybody in now; try again later.`, 5_000);
    }
  }

  async #back(
    request: IncomingMessage,
    response: ServerResponse,
    call: AuthCall,
    id: string,
    query: URLSearchParams,
  ): Promise<void> {
    const { cookie, limits, accounts, audit } = this.#options;
    const flow = cookie.read(request.headers.cookie);
    // Whatever comes of it: a flow is good for one way back.
    const forget = cookie.forget();
    try {
      const { client, code } = this.#checked(flow, id, query);
      const { state, next } = flow as Flow;
      if ((await limits.step("provider", state)) > 0)
        throw new ProviderProblem("sign_in_expired", "too many attempts with one sign-in");
      const claims: Claims = await this.#converse(() => client.finish(flow as Flow, code));
      const user = await accounts.of(client.config, claims, (whom, change) =>
        audit.accountChanged({ ...call, method: `auth/${change.what}` }, whom, {
          provider: client.config.id,
          role: change.role,
        }),
      );
      const opened = await this.#open(request, call, user);
      await limits.succeeded("provider", state, call.address);
      const step = `/sign-in?step=code&next=${encodeURIComponent(next)}`;
      redirect(response, opened.challenged ? step : next, [...opened.cookies, forget]);
    } catch (error) {
      if (!(error instanceof ProviderProblem)) throw error;
      this.#note(call, null, error);
      const next = flow === null ? "" : `&next=${encodeURIComponent(flow.next)}`;
      redirect(response, `/sign-in?problem=${error.code}${next}`, [forget]);
    }
  }

  /** What came back, if it belongs to a sign-in that was begun in this browser, here, not long ago. */
  #checked(
    flow: Flow | null,
    id: string,
    query: URLSearchParams,
  ): { readonly client: OidcClient; readonly code: string } {
    const client = this.#clients.find(({ config }) => config.id === id);
    const fits = flow !== null && flow.provider === id && flow.untilMs > this.#options.clock.wallMs();
    if (client === undefined || !fits || query.get("state") !== flow.state) {
      throw new ProviderProblem("sign_in_expired", "the way back belongs to no sign-in that was begun here");
    }
    const issuer = query.get("iss");
    if (issuer !== null && issuer !== client.config.issuer) {
      throw new ProviderProblem("provider_failed", "the way back comes from another provider (iss)");
    }
    const said = query.get("error");
    if (said !== null) throw new ProviderProblem("provider_refused", `${id} said ${said.slice(0, 64)}`);
    const code = query.get("code") ?? "";
    if (code === "" || code.length > 2_048) throw new ProviderProblem("provider_failed", `${id} gave no code`);
    return { client, code };
  }

  /** Opens the session, or asks for the second factor. Audited before the browser has either. */
  async #open(
    request: IncomingMessage,
    call: AuthCall,
    user: AuthUser,
  ): Promise<{ readonly challenged: boolean; readonly cookies: string[] }> {
    const { server, audit } = this.#options;
    const headers = toHeaders(request, null, call.address);
    const body = { userId: user.id, nowMs: this.#options.clock.wallMs() };
    const answer = await server.auth.api.openProviderSession({ body, headers, asResponse: true });
    if (!answer.ok) throw new Error(`better-auth opened no session: ${answer.status}`);
    const { challenged } = (await answer.json()) as { challenged: boolean };
    await (challenged ? audit.challenged(call, user) : audit.signedIn(call, user));
    return { challenged, cookies: answer.headers.getSetCookie() };
  }

  async #converse<T>(work: () => Promise<T>): Promise<T> {
    if (this.#conversations >= CONVERSATIONS_MAX) {
      throw new ProviderProblem("provider_unreachable", `${CONVERSATIONS_MAX} sign-ins wait for providers already`);
    }
    this.#conversations += 1;
    try {
      return await work();
    } finally {
      this.#conversations -= 1;
    }
  }

  #note(call: AuthCall, user: AuthUser | null, { code, message }: ProviderProblem): void {
    this.#options.audit.refused(call, user, code, message);
    this.#options.log.warn({ requestId: call.requestId, code, reason: message }, "a sign-in by a provider failed");
  }

  #redirectUri(request: IncomingMessage, id: string): string {
    const origin = this.#options.publicUrl ?? `${schemeOf(request)}://${request.headers.host ?? "localhost"}`;
    return `${origin}/api/auth/callback/${id}`;
  }
}

/** A path of this origin, and nothing that a browser would read as another one: the dashboard's returnPath says the same. */
export function isOwnPath(text: string): boolean {
  return text.length <= 1_024 && /^\/(?![/\\])/.test(text) && !/[\u0000-\u0020\u007f-\uffff\\]/.test(text);
}

function redirect(response: ServerResponse, location: string, cookies: readonly string[]): void {
  response.setHeader("set-cookie", [...cookies]);
  response.setHeader("cache-control", "no-store");
  response.writeHead(303, { location });
  response.end();
}
