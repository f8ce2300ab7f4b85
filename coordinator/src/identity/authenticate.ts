import { createHash, timingSafeEqual } from "node:crypto";
import { Refusal } from "../domain/refusal.ts";
import type { Grant } from "../permissions/grant.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiTokenStore } from "../store/api-token-store.ts";
import type { GrantStore, Holder } from "../store/grant-store.ts";
import type { Database } from "../store/open-database.ts";
import type { RoleStore } from "../store/role-store.ts";
import type { AuthServer } from "./auth-server.ts";
import { onlyCookie } from "./cookie-owner.ts";
import { heldGrants } from "./held-grants.ts";
import { SESSION_USE_STEP_MS, Sessions } from "./sessions.ts";
import { tokenHash } from "./token-hash.ts";

/** Who sent a request. */
export type Identity = {
  readonly kind: "token" | "session";
  /** The user's id, or the beginning of the token's digest: tells two of one name apart. */
  readonly id: string;
  /** The id of the person whose what it makes is: the user's own, or the token's owner's; empty: nobody's. */
  readonly person: string;
  /** The token's name, or the user's e-mail address. */
  readonly name: string;
  /** The role for everything, as it is written down; empty: none. */
  readonly role: string;
  /** All that the identity holds, the role for everything first; a role that this version does not know grants nothing. */
  readonly grants: readonly Grant[];
  readonly mustChangePassword: boolean;
  /** Whether the sign-in asks for a second factor; false for a token. */
  readonly secondFactor: boolean;
  /** Roles that demand a second factor which the person has not set up; empty: nothing is missing. */
  readonly secondFactorDemandedBy: readonly string[];
  /** How the token's secret begins; empty for a session. */
  readonly tokenPrefix: string;
  /** When a token ends; null: never, or it is no token. */
  readonly expiresAt: Date | null;
  /** The id of the session; empty for a token. */
  readonly sessionId: string;
};

/** Finds out who sent these headers; null when nobody valid did. Rejects when the database does not answer. */
export type Authenticate = (headers: Headers) => Promise<Identity | null>;

/** How long an identity is believed without another look, milliseconds; a revocation bites within this. */
export const IDENTITY_CACHE_MS = 2_000;
/** Identities believed at once; the oldest goes first. */
export const IDENTITY_CACHE_ENTRIES_MAX = 10_000;

const TOKEN_LENGTH_MAX = 512;
/** Hex digits of a token's digest that tell it from others. */
const TOKEN_ID_LENGTH = 16;

/** Tells callers by bearer token or session cookie, with a short memory. */
export class Authenticator {
  readonly #database: Pick<Database, "ping">;
  readonly #tokens: ApiTokenStore;
  readonly #grants: GrantStore;
  readonly #roles: RoleStore;
  readonly #auth: AuthServer["auth"];
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  readonly #believed = new Map<string, { readonly identity: Identity; readonly untilMs: number }>();
  #generation = 0;

  constructor(
    database: Pick<Database, "ping">,
    stores: { readonly tokens: ApiTokenStore; readonly grants: GrantStore; readonly roles: RoleStore },
    server: AuthServer,
    clock: Clock,
  ) {
    this.#database = database;
    this.#tokens = stores.tokens;
    this.#grants = stores.grants;
    this.#roles = stores.roles;
    this.#auth = server.auth;
    this.#sessions = new Sessions(server);
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
    const { authCookies } = await this.#auth.$context;
    const cookie = onlyCookie(headers.get("cookie"), authCookies.sessionToken.name);
    if (cookie === null) return null;
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
    // Whether that could be noted is no reason to refuse: the call itself will tell of a database that is away.
    await this.#tokens.noteUse(row).catch(() => undefined);
    const { name, role, owner: person, prefix: tokenPrefix, expiresAt } = row;
    const id = hash.slice(0, TOKEN_ID_LENGTH);
    const grants = await this.#held(role, { kind: "token", id: hash });
    // Whoever made it, it is a secret of its own.
    const factor = { secondFactor: false, secondFactorDemandedBy: [] };
    const rest = { mustChangePassword: false, tokenPrefix, expiresAt, sessionId: "", ...factor };
    return { kind: "token", id, person, name, role, grants, ...rest };
  }

  async #bySession(cookie: string): Promise<Identity | null> {
    try {
      const found = await this.#auth.api.getSession({
        headers: new Headers({ cookie }),
        query: { disableCookieCache: true, disableRefresh: true },
      });
      if (found === null) return null;
      const { id, email: name, mustChangePassword, role } = found.user;
      await this.#noteUse(found.session);
      const grants = await this.#held(role ?? "", { kind: "user", id });
      const secondFactor = found.user.twoFactorEnabled === true;
      const held = grants.map((grant) => grant.role.name);
      const secondFactorDemandedBy = secondFactor ? [] : await this.#roles.demandingSecondFactor(held);
      const factor = { secondFactor, secondFactorDemandedBy };
      const rest = { mustChangePassword, tokenPrefix: "", expiresAt: null, sessionId: found.session.id, ...factor };
      return { kind: "session", id, person: id, name, role: role ?? "", grants, ...rest };
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

  async #noteUse({ id, lastUsedAt }: { readonly id: string; readonly lastUsedAt?: Date | null | undefined }) {
    const nowMs = this.#clock.wallMs();
    if (lastUsedAt && nowMs - lastUsedAt.getTime() < SESSION_USE_STEP_MS) return;
    // As with tokens: whether that could be noted is no reason to refuse.
    await this.#sessions.noteUse(id, new Date(nowMs)).catch(() => undefined);
  }

  async #held(role: string, holder: Holder): Promise<Grant[]> {
    const scoped = await this.#grants.of(holder);
    // A changed role holds with the next look, like everything else of an identity.
    const book = await this.#roles.bookOf([role, ...scoped.map((grant) => grant.role)]);
    return heldGrants(book, role, scoped);
  }
}
