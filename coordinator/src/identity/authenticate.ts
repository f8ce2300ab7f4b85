import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiTokenStore } from "../store/api-token-store.ts";
import type { Database } from "../store/open-database.ts";
import type { AuthServer } from "./auth-server.ts";
import { tokenHash } from "./token-hash.ts";

/** Who sent a request. */
export type Identity = {
  readonly kind: "token" | "session";
  /** The token's name, or the user's e-mail address. */
  readonly name: string;
  readonly mustChangePassword: boolean;
};

/** Finds out who sent these headers; null when nobody valid did. Rejects when the database does not answer. */
export type Authenticate = (headers: Headers) => Promise<Identity | null>;

/** How long an identity is believed without another look, milliseconds; a revocation bites within this. */
export const IDENTITY_CACHE_MS = 2_000;
/** Identities believed at once; the oldest goes first. */
export const IDENTITY_CACHE_ENTRIES_MAX = 10_000;

const TOKEN_LENGTH_MAX = 512;
const COOKIE_NAME = /(?:^|;\s*)(?:__Secure-)?lormas\.session_token=/;

/** Tells callers by bearer token or session cookie, with a short memory. */
export class Authenticator {
  readonly #database: Pick<Database, "ping">;
  readonly #tokens: ApiTokenStore;
  readonly #auth: AuthServer["auth"];
  readonly #clock: Clock;
  readonly #believed = new Map<string, { readonly identity: Identity; readonly untilMs: number }>();
  #generation = 0;

  constructor(database: Pick<Database, "ping">, tokens: ApiTokenStore, { auth }: AuthServer, clock: Clock) {
    this.#database = database;
    this.#tokens = tokens;
    this.#auth = auth;
    this.#clock = clock;
  }

  /** See Authenticate. A bearer token decides alone: a wrong one is not saved by a good cookie. */
  readonly authenticate: Authenticate = async (headers) => {
    const authorization = headers.get("authorization");
    if (authorization !== null) {
      const token = /^Bearer ([!-~]+)$/i.exec(authorization)?.[1] ?? "";
      if (token === "" || token.length > TOKEN_LENGTH_MAX) return null;
      return this.#remembered(`token ${tokenHash(token)}`, () => this.#byToken(token));
    }
    const cookie = headers.get("cookie");
    if (cookie === null || !COOKIE_NAME.test(cookie)) return null;
    const key = createHash("sha256").update(cookie).digest("hex");
    return this.#remembered(`session ${key}`, () => this.#bySession(cookie));
  };

  /** Believes nothing any more: somebody signed out or changed a password. */
  forget(): void {
    this.#generation += 1;
    this.#believed.clear();
  }

  async #remembered(key: string, look: () => Promise<Identity | null>): Promise<Identity | null> {
    const nowMs = this.#clock.bootMs();
    const kept = this.#believed.get(key);
    if (kept !== undefined && nowMs < kept.untilMs) return kept.identity;
    this.#believed.delete(key);
    const generation = this.#generation;
    const identity = await look();
    // What was read before a sign-out must not be believed after it.
    if (identity === null || generation !== this.#generation) return identity;
    if (this.#believed.size >= IDENTITY_CACHE_ENTRIES_MAX) {
      const oldest = this.#believed.keys().next();
      if (!oldest.done) this.#believed.delete(oldest.value);
    }
    this.#believed.set(key, { identity, untilMs: nowMs + IDENTITY_CACHE_MS });
    return identity;
  }

  async #byToken(token: string): Promise<Identity | null> {
    const hash = tokenHash(token);
    const row = await this.#tokens.findValid(hash);
    if (row === null || !timingSafeEqual(Buffer.from(row.tokenHash), Buffer.from(hash))) return null;
    return { kind: "token", name: row.name, mustChangePassword: false };
  }

  async #bySession(cookie: string): Promise<Identity | null> {
    try {
      const found = await this.#auth.api.getSession({
        headers: new Headers({ cookie }),
        query: { disableCookieCache: true, disableRefresh: true },
      });
      if (found === null) return null;
      return { kind: "session", name: found.user.email, mustChangePassword: found.user.mustChangePassword };
    } catch (error) {
      // better-auth hides why it failed; a database that does not answer is the reason a caller can act on.
      if (await this.#database.ping()) throw error;
      throw new Refusal(
        "database_unavailable",
        "The database does not answer.",
        "Try again; nothing has been changed.",
        {
          retryAfterMs: 2_000,
        },
      );
    }
  }
}
