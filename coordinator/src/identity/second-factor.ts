import { createHash } from "node:crypto";
import { symmetricDecrypt } from "better-auth/crypto";
import type { AuthServer } from "./auth-server.ts";
import { TWO_FACTOR_COOKIE } from "./challenge.ts";
import { type CookieOwner, onlyCookie } from "./cookie-owner.ts";

/** A code of an app: six digits. */
export const TOTP_CODE = /^\d{6}$/;
/** Longest code that is looked at; a recovery code has 11 characters. */
export const CODE_LENGTH_MAX = 32;
/** How long a code that was used is remembered, seconds: longer than the three steps of 30 s in which it is right. */
const USED_SECONDS = 120;

/** What better-auth leaves to do of a second factor: whose code it is, and that no code of an app works twice. */
export class SecondFactor {
  readonly #server: AuthServer;

  private constructor(server: AuthServer) {
    this.#server = server;
  }

  /** Makes the table when it is missing. */
  static async open(server: AuthServer): Promise<SecondFactor> {
    await server.pool.query(
      `create table if not exists auth.used_code
         (user_id text not null, digest text not null, until timestamptz not null, primary key (user_id, digest))`,
    );
    return new SecondFactor(server);
  }

  /** Who is asked for a second factor, by the cookie of the challenge in a Cookie header; null when there is none that is open. */
  async challenged(header: string | undefined): Promise<CookieOwner | null> {
    const { auth } = this.#server;
    const { createAuthCookie } = await auth.$context;
    const cookie = onlyCookie(header, createAuthCookie(TWO_FACTOR_COOKIE).name);
    if (cookie === null) return null;
    const user = await auth.api.findChallenged({ headers: new Headers({ cookie }) });
    return user && { user, cookie };
  }

  /** Whether the secret can be read: one that another auth.secret has encrypted cannot. True where there is none. */
  async isReadable(userId: string): Promise<boolean> {
    const { rows } = await this.#server.pool.query<{ secret: string }>(
      `select secret from "twoFactor" where "userId" = $1`,
      [userId],
    );
    const { secretConfig: key } = await this.#server.auth.$context;
    const outcomes = rows.map(({ secret: data }) => symmetricDecrypt({ key, data }).then(() => true));
    return Promise.all(outcomes).then(
      () => true,
      () => false,
    );
  }

  /**
   * Takes a code of an app for this one use; false when it was taken before, by whomever at the same time. A code stays taken
   * when it turns out to be wrong, which costs nothing: it becomes right by chance alone.
   */
  async claim(userId: string, code: string): Promise<boolean> {
    const digest = createHash("sha256").update(`${userId} ${code}`).digest("hex");
    // Everybody's: the table holds no more than what was typed within two minutes.
    await this.#server.pool.query("delete from used_code where until <= now()");
    const taken = await this.#server.pool.query(
      `insert into used_code (user_id, digest, until) values ($1, $2, now() + $3 * interval '1 second')
       on conflict do nothing`,
      [userId, digest, USED_SECONDS],
    );
    return taken.rowCount === 1;
  }
}
