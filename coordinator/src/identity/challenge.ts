import type pg from "pg";

/** How long a second factor may be given after the password, or after a provider's word, seconds. */
export const CHALLENGE_SECONDS = 10 * 60;
/** The cookie that says to which question a code belongs, without better-auth's prefix. */
export const TWO_FACTOR_COOKIE = "two_factor";

/**
 * Ends every question for a second factor that somebody has not answered yet, with the count of its codes: it was asked after a password
 * that may be another one by now.
 *
 * @param client whose search path is the schema `auth`
 */
export async function endChallenges(client: Pick<pg.Pool, "query">, userId: string): Promise<void> {
  await client.query(
    `with ended as (delete from verification where value = $1 and identifier like '2fa-%' returning identifier)
     delete from verification where identifier in (select '2fa-attempts-' || identifier from ended)`,
    [userId],
  );
}
