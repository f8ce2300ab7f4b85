import type { AuthServer } from "./auth-server.ts";
import { endChallenges } from "./challenge.ts";

/** Sessions of one person that are open at once; the oldest ends for one more. */
export const SESSIONS_PER_PERSON_MAX = 100;
/** The last use is noted at most this often, milliseconds. */
export const SESSION_USE_STEP_MS = 60_000;

const USER_AGENT_LENGTH_MAX = 256;

/** A session that is open. */
export type OpenSession = {
  /** Lets nobody in, as the token does. */
  readonly id: string;
  readonly email: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  /** Empty where it is not known. */
  readonly address: string;
  readonly userAgent: string;
};

const SELECT = `
  select s.id, u.email, s."createdAt", coalesce(s."lastUsedAt", s."createdAt") as "lastUsedAt", s."expiresAt",
         coalesce(s."ipAddress", '') as address, left(coalesce(s."userAgent", ''), ${USER_AGENT_LENGTH_MAX}) as "userAgent"
    from session s join "user" u on u.id = s."userId"
   where s."expiresAt" > now()`;

/** The sessions that better-auth keeps in the schema `auth`. Rejects when the database is away. */
export class Sessions {
  readonly #pool: AuthServer["pool"];

  constructor({ pool }: Pick<AuthServer, "pool">) {
    this.#pool = pool;
  }

  /** Those of one person, the last used first. */
  async of(userId: string): Promise<OpenSession[]> {
    const { rows } = await this.#pool.query<OpenSession>(
      `${SELECT} and s."userId" = $1 order by 4 desc, s.id limit $2`,
      [userId, SESSIONS_PER_PERSON_MAX],
    );
    return rows;
  }

  /** An open one by its id; null when there is none. */
  async find(id: string): Promise<OpenSession | null> {
    const { rows } = await this.#pool.query<OpenSession>(`${SELECT} and s.id = $1`, [id]);
    return rows[0] ?? null;
  }

  /** Ends one of a person's; false when that person has no such session. */
  async end(userId: string, id: string): Promise<boolean> {
    const ended = await this.#pool.query(
      `delete from session where "userId" = $1 and id = $2 and "expiresAt" > now() returning id`,
      [userId, id],
    );
    return ended.rowCount === 1;
  }

  /** Ends all of a person's, or all but one, and every sign-in that waits for its second factor; answers how many were open. */
  async endAll(userId: string, but = ""): Promise<number> {
    // First: a code that is given in between opens a session that ends with the others.
    await endChallenges(this.#pool, userId);
    const ended = await this.#pool.query<{ count: number }>(
      `with ended as (delete from session where "userId" = $1 and id <> $2 returning "expiresAt")
       select count(*)::int as count from ended where "expiresAt" > now()`,
      [userId, but],
    );
    return ended.rows[0]?.count ?? 0;
  }

  /** Makes room for the newest: ends a person's oldest beyond the bound, and those that are over. */
  async trim(userId: string): Promise<void> {
    await this.#pool.query(
      `delete from session where "userId" = $1 and ("expiresAt" <= now() or id in
         (select id from session where "userId" = $1 order by "createdAt" desc, id offset $2))`,
      [userId, SESSIONS_PER_PERSON_MAX],
    );
  }

  /** Notes that a session is being used. */
  async noteUse(id: string, at: Date): Promise<void> {
    await this.#pool.query(`update session set "lastUsedAt" = $2 where id = $1`, [id, at]);
  }
}
