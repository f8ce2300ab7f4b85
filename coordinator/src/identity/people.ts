import type pg from "pg";
import { Refusal } from "../domain/refusal.ts";
import type { AuthServer } from "./auth-server.ts";
import { inTransaction } from "./auth-transaction.ts";
import { endChallenges } from "./challenge.ts";
import { knownLocale, knownTimeZone } from "./profile-setting.ts";
import { randomPassword } from "./random-password.ts";
import { rememberRemoved } from "./removed-subjects.ts";
import { Sessions } from "./sessions.ts";

/** Accounts at most; one more is refused. */
export const PEOPLE_MAX = 10_000;

/** Somebody who can sign in. */
export type Person = {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  /** The role for everything; empty: none. */
  readonly role: string;
  readonly mustChangePassword: boolean;
  readonly createdAt: Date;
  readonly sessionCount: number;
  /** Whether a second factor is asked for at the sign-in. */
  readonly twoFactorEnabled: boolean;
  /** A BCP 47 tag; empty: the browser's. */
  readonly locale: string;
  /** A name of the IANA's; empty: the browser's. */
  readonly timeZone: string;
};

/**
 * Revokes all that somebody made, and what was made with that in turn. Of one name one token is valid at a time, so when it was tells
 * which one made another.
 */
const REVOKE_MADE_BY = `
  with recursive made as (
    select token_hash, name, created_at, least(revoked_at, expires_at) as ended_at from public.api_token where created_by = $1
    union
    select t.token_hash, t.name, t.created_at, least(t.revoked_at, t.expires_at)
      from public.api_token t
      join made on t.created_by = 'token:' || made.name
       and t.created_at >= made.created_at and t.created_at <= coalesce(made.ended_at, 'infinity'))
  update public.api_token set revoked_at = now() where revoked_at is null and token_hash in (select token_hash from made)`;

/** What a person chooses about himself; what is absent stays. */
export type ProfileWish = { readonly name?: string; readonly locale?: string; readonly timeZone?: string };

const SELECT = `
  select u.id, u.email, u.name, coalesce(u.role, '') as role, u."mustChangePassword", u."createdAt",
         coalesce(u."twoFactorEnabled", false) as "twoFactorEnabled", coalesce(u.locale, '') as locale, coalesce(u."timeZone", '') as "timeZone",
         (select count(*)::int from session s where s."userId" = u.id and s."expiresAt" > now()) as "sessionCount"
    from "user" u`;

/**
 * The accounts, which better-auth keeps in the schema `auth`: it makes accounts and hashes passwords, and everything that has
 * to be one transaction is one here. Addresses are compared in lower case. Rejects when the database is away.
 */
export class People {
  readonly #server: AuthServer;

  constructor(server: AuthServer) {
    this.#server = server;
  }

  /** Up to `limit` by e-mail address, those after `after`. */
  async list(after: string | null, limit: number): Promise<Person[]> {
    const { rows } = await this.#server.pool.query<Person>(`${SELECT} where u.email > $1 order by u.email limit $2`, [
      after ?? "",
      limit,
    ]);
    return rows;
  }

  /** Refusals: not_found. */
  async find(email: string): Promise<Person & { readonly id: string }> {
    return this.#find(this.#server.pool, email);
  }

  /** Makes an account and its first password. Refusals: name_taken, invalid_argument (PEOPLE_MAX are there). */
  async create(wish: { readonly email: string; readonly name: string; readonly role: string }): Promise<string> {
    const email = wish.email.toLowerCase();
    const { internalAdapter } = await this.#server.auth.$context;
    if (await internalAdapter.findUserByEmail(email)) throw taken(email);
    if ((await internalAdapter.countTotalUsers()) >= PEOPLE_MAX) {
      throw new Refusal("invalid_argument", `${PEOPLE_MAX} accounts are there already`, "remove accounts of nobody");
    }
    const password = randomPassword();
    const user = await internalAdapter
      .createUser(
        { email, name: wish.name || email, emailVerified: true, role: wish.role, mustChangePassword: true },
        { method: "email-password" },
      )
      // Of two of one address at once the table lets one in.
      .catch(async (error: unknown) => {
        throw (await internalAdapter.findUserByEmail(email)) ? taken(email) : error;
      });
    // A crash before this leaves an account without a password, which ResetPassword gives one.
    await this.#setPassword(user.id, password);
    return password;
  }

  /** Refusals: not_found, last_superadmin. */
  async setRole(email: string, role: string): Promise<void> {
    await this.#alone(async (client) => {
      const { id, role: before } = await this.#find(client, email);
      if (role !== "superadmin" && before === "superadmin") await refuseLast(client, email);
      await client.query(`update "user" set role = $2, "updatedAt" = now() where id = $1`, [id, role]);
    });
  }

  /** Refusals: not_found, invalid_argument (a language or a time zone that there is not). */
  async setProfile(email: string, wish: ProfileWish): Promise<void> {
    const locale = wish.locale === undefined ? null : knownLocale(wish.locale);
    const timeZone = wish.timeZone === undefined ? null : knownTimeZone(wish.timeZone);
    const { id } = await this.#find(this.#server.pool, email);
    await this.#server.pool.query(
      `update "user" set name = coalesce($2, name), locale = coalesce($3, locale), "timeZone" = coalesce($4, "timeZone"),
              "updatedAt" = now() where id = $1`,
      [id, wish.name ?? null, locale, timeZone],
    );
  }

  /** A new first password; every session ends. Refusals: not_found. */
  async resetPassword(email: string): Promise<string> {
    const { id } = await this.#find(this.#server.pool, email);
    const password = randomPassword();
    await this.#server.pool.query(`update "user" set "mustChangePassword" = true, "updatedAt" = now() where id = $1`, [
      id,
    ]);
    await this.#setPassword(id, password);
    // Last: a session that was opened with the old password in between ends as well.
    await new Sessions(this.#server).endAll(id);
    return password;
  }

  /** Takes somebody's second factor off, whether or not there was one: the password is enough again. Refusals: not_found. */
  async removeTwoFactor(email: string): Promise<void> {
    await this.#alone(async (client) => {
      const { id } = await this.#find(client, email);
      await client.query(`delete from "twoFactor" where "userId" = $1`, [id]);
      await client.query(`update "user" set "twoFactorEnabled" = false, "updatedAt" = now() where id = $1`, [id]);
    });
  }

  /** Removes an account with its sessions, and revokes the tokens that it made. Refusals: not_found, last_superadmin. */
  async remove(email: string): Promise<void> {
    await this.#alone(async (client) => {
      const { id, role, email: address } = await this.#find(client, email);
      if (role === "superadmin") await refuseLast(client, email);
      // Before it is looked at what is linked: who is being linked at this moment is done with that.
      await client.query('select from "user" where id = $1 for update', [id]);
      await rememberRemoved(client, id);
      await endChallenges(client, id);
      await client.query(REVOKE_MADE_BY, [`session:${address}`]);
      for (const table of ["session", "account", '"twoFactor"']) {
        await client.query(`delete from ${table} where "userId" = $1`, [id]);
      }
      await client.query("delete from public.role_grant where holder_kind = 'user' and holder_id = $1", [id]);
      await client.query(`delete from "user" where id = $1`, [id]);
    });
  }

  async #setPassword(userId: string, plain: string): Promise<void> {
    const { internalAdapter, password } = await this.#server.auth.$context;
    const hash = await password.hash(plain);
    const accounts = await internalAdapter.findAccounts(userId);
    if (accounts.some(({ providerId }) => providerId === "credential")) {
      await internalAdapter.updatePassword(userId, hash);
    } else {
      await internalAdapter.linkAccount({ userId, providerId: "credential", accountId: userId, password: hash });
    }
  }

  async #find(client: Pick<pg.Pool, "query">, email: string): Promise<Person> {
    const { rows } = await client.query<Person>(`${SELECT} where u.email = $1`, [email.toLowerCase()]);
    const [row] = rows;
    if (row) return row;
    throw new Refusal("not_found", `there is no account ${email}`, "list the accounts: lormas user ls", {
      field: "email",
    });
  }

  /** One after the other: two superadmins who remove each other must not both succeed. */
  async #alone(work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
    await inTransaction(this.#server.pool, async (client) => {
      await client.query(`lock table "user" in share row exclusive mode`);
      await work(client);
    });
  }
}

async function refuseLast(client: Pick<pg.Pool, "query">, email: string): Promise<void> {
  const { rows } = await client.query<{ count: number }>(
    `select count(*)::int as count from "user" where role = 'superadmin'`,
  );
  if ((rows[0]?.count ?? 0) > 1) return;
  throw new Refusal(
    "last_superadmin",
    `${email} is the only superadmin: nobody could give out that role again`,
    "make somebody else a superadmin first",
    { field: "email" },
  );
}

const taken = (email: string): Refusal =>
  new Refusal("name_taken", `an account has the address ${email} already`, "use another address", { field: "email" });
