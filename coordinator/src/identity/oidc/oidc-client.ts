import { createHash, randomBytes } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../../runtime/clock.ts";
import { fetchJson } from "./bounded-fetch.ts";
import { isPrivateWay, type ProviderConfig } from "./provider-config.ts";
import { ProviderProblem } from "./provider-problem.ts";

/** How long what a provider says of itself is believed, milliseconds. */
const DISCOVERY_MS = 5 * 60_000;
/** How far a provider's clock may be off, seconds. */
const CLOCK_TOLERANCE_S = 60;
/** Signatures with a key of the provider's own; never "none", nor one made with the client's secret. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/** What must come back, and what proves that it is ours. Kept in the browser, encrypted. */
export type Flow = {
  readonly provider: string;
  readonly state: string;
  readonly nonce: string;
  /** PKCE. */
  readonly verifier: string;
  readonly redirectUri: string;
  /** Where to go on afterwards: a path of this origin. */
  readonly next: string;
  readonly untilMs: number;
};

/** Whom a provider has signed in. */
export type Claims = {
  /** Never changes, and is nobody else's at this provider. */
  readonly subject: string;
  /** As the provider spells it, whatever that is; empty when it names none. */
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string;
  /** What the claim of the configuration's `firstRoles` holds; empty where none is configured, or it is not there. */
  readonly groups: readonly string[];
};

type Discovered = {
  readonly authorization: string;
  readonly token: string;
  readonly userinfo: string | null;
  readonly jwks: string;
  /** How the client's secret is sent. */
  readonly secretInBody: boolean;
};

/**
 * One provider, asked by the authorization code flow of OpenID Connect with PKCE (S256), state and nonce. What it says of itself is
 * looked up when it is needed, so that one that is down at the start is there later. Everything rejects with a ProviderProblem.
 */
export class OidcClient {
  readonly config: ProviderConfig;
  readonly #clock: Clock;
  #known: { readonly value: Discovered; readonly untilMs: number } | null = null;

  constructor(config: ProviderConfig, clock: Clock) {
    this.config = config;
    this.#clock = clock;
  }

  /** Where to send a browser, and what to keep until it comes back. */
  async begin(
    redirectUri: string,
    next: string,
    untilMs: number,
  ): Promise<{ readonly url: string; readonly flow: Flow }> {
    const { authorization } = await this.#discovered();
    const random = (): string => randomBytes(32).toString("base64url");
    const provider = this.config.id;
    const flow: Flow = { provider, state: random(), nonce: random(), verifier: random(), redirectUri, next, untilMs };
    const url = new URL(authorization);
    const parameters = {
      response_type: "code",
      client_id: this.config.clientId,
      redirect_uri: redirectUri,
      scope: "openid email profile",
      state: flow.state,
      nonce: flow.nonce,
      code_challenge: createHash("sha256").update(flow.verifier).digest("base64url"),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url: url.href, flow };
  }

  /** Who came back with this code. */
  async finish(flow: Flow, code: string): Promise<Claims> {
    const discovered = await this.#discovered();
    const tokens = await this.#tokens(discovered, flow, code);
    const idToken = tokens["id_token"];
    if (typeof idToken !== "string") throw this.#nonsense("gave no id_token");
    const payload = await this.#verified(discovered, idToken, flow.nonce);
    const subject = payload.sub ?? "";
    if (subject === "" || subject.length > 255) throw this.#nonsense("gave an id_token without a subject");
    const said = await this.#withProfile(discovered, payload, tokens["access_token"]);
    return claimsOf(subject, said, this.config.firstRoles?.claim);
  }

  async #tokens({ token, secretInBody }: Discovered, flow: Flow, code: string): Promise<Record<string, unknown>> {
    const { clientId, clientSecret } = this.config;
    const { redirectUri: redirect_uri, verifier: code_verifier } = flow;
    const body = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri, code_verifier });
    const headers: Record<string, string> = { accept: "application/json" };
    if (secretInBody) {
      body.set("client_id", clientId);
      body.set("client_secret", clientSecret);
    } else {
      const pair = [clientId, clientSecret].map((part) => new URLSearchParams([["", part]]).toString().slice(1));
      headers["authorization"] = `Basic ${Buffer.from(pair.join(":")).toString("base64")}`;
    }
    return fetchJson(token, { method: "POST", headers, body });
  }

  async #verified({ jwks }: Discovered, idToken: string, nonce: string): Promise<JWTPayload> {
    // Whatever it is: what is no key set is refused where it is used.
    const keys = (await fetchJson(jwks)) as unknown as JSONWebKeySet;
    const { issuer, clientId: audience } = this.config;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(idToken, createLocalJWKSet(keys), {
        ...{ issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_S },
        requiredClaims: ["sub", "iat", "exp"],
      }));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ProviderProblem("provider_failed", `the id_token of ${issuer} does not hold: ${reason}`, { cause });
    }
    if (payload["nonce"] !== nonce) throw this.#nonsense("gave an id_token of another sign-in (nonce)");
    if (Array.isArray(payload.aud) && payload.aud.length > 1 && payload["azp"] !== audience) {
      throw this.#nonsense("gave an id_token that was made for another client (azp)");
    }
    return payload;
  }

  /** The e-mail address and the mapped claim are in the id_token, or where the access token shows them. */
  async #withProfile(
    { userinfo }: Discovered,
    payload: JWTPayload,
    accessToken: unknown,
  ): Promise<Record<string, unknown>> {
    const claim = this.config.firstRoles?.claim;
    const complete = typeof payload["email"] === "string" && (claim === undefined || payload[claim] !== undefined);
    if (complete || userinfo === null || typeof accessToken !== "string") return payload;
    if (!/^[!-~]{1,8192}$/.test(accessToken)) throw this.#nonsense("gave an access token that is none");
    const said = await fetchJson(userinfo, { headers: { authorization: `Bearer ${accessToken}` } });
    if (said["sub"] !== payload.sub) throw this.#nonsense("shows the profile of somebody else");
    // An address and whether it is verified are one thing: never the one from here and the other from there.
    const { email_verified } = typeof said["email"] === "string" ? said : payload;
    return { ...payload, ...said, email_verified };
  }

  async #discovered(): Promise<Discovered> {
    const nowMs = this.#clock.bootMs();
    if (this.#known !== null && this.#known.untilMs > nowMs) return this.#known.value;
    const { issuer } = this.config;
    const said = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (said["issuer"] !== issuer) throw this.#nonsense("calls itself something else");
    const methods = said["token_endpoint_auth_methods_supported"];
    const inBody = Array.isArray(methods) && !methods.includes("client_secret_basic");
    if (inBody && !methods.includes("client_secret_post")) throw this.#nonsense("takes no client secret");
    const value: Discovered = {
      authorization: this.#endpoint(said, "authorization_endpoint"),
      token: this.#endpoint(said, "token_endpoint"),
      userinfo: said["userinfo_endpoint"] === undefined ? null : this.#endpoint(said, "userinfo_endpoint"),
      jwks: this.#endpoint(said, "jwks_uri"),
      secretInBody: inBody,
    };
    this.#known = { value, untilMs: nowMs + DISCOVERY_MS };
    return value;
  }

  #endpoint(said: Record<string, unknown>, name: string): string {
    const value = said[name];
    if (typeof value === "string" && isPrivateWay(value)) return value;
    throw this.#nonsense(`names no ${name} that can be used`);
  }

  #nonsense(what: string): ProviderProblem {
    return new ProviderProblem("provider_failed", `${this.config.issuer} ${what}`);
  }
}

function claimsOf(subject: string, said: Record<string, unknown>, claim: string | undefined): Claims {
  const text = (name: string): string => (typeof said[name] === "string" ? said[name] : "");
  const given = claim === undefined ? [] : said[claim];
  const groups: readonly unknown[] = Array.isArray(given) ? given : [given];
  return {
    subject,
    email: text("email"),
    emailVerified: said["email_verified"] === true,
    groups: groups.filter((one): one is string => typeof one === "string"),
    name: text("name")
      .replaceAll(/[\u0000-\u001f\u007f]/g, "")
      .slice(0, 100),
  };
}
