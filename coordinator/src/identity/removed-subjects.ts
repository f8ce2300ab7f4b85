import type pg from "pg";

/** Subjects of providers that are remembered after their accounts were removed; the longest removed is forgotten for one more. */
export const REMOVED_SUBJECTS_MAX = 10_000;

type Client = Pick<pg.Pool, "query">;

/** Makes the table when it is missing. */
export async function makeRemovedSubjects(client: Client): Promise<void> {
  await client.query(
    `create table if not exists auth.removed_subject
       (provider_id text not null, subject text not null, removed_at timestamptz not null, primary key (provider_id, subject))`,
  );
}

/**
 * Remembers whom providers call the person of an account that is being removed: coming back, nobody gets from a provider what an
 * administrator took away.
 *
 * @param client whose search path is the schema `auth`
 */
export async function rememberRemoved(client: Client, userId: string): Promise<void> {
  await client.query(
    `insert into removed_subject (provider_id, subject, removed_at)
     select distinct "providerId", "accountId", now() from account where "userId" = $1 and "providerId" <> 'credential'
     on conflict (provider_id, subject) do update set removed_at = excluded.removed_at`,
    [userId],
  );
  await client.query(
    `delete from removed_subject where (provider_id, subject) in
       (select provider_id, subject from removed_subject order by removed_at desc, provider_id, subject offset $1)`,
    [REMOVED_SUBJECTS_MAX],
  );
}

/** Whether an account of this subject was removed. */
export async function wasRemoved(client: Client, providerId: string, subject: string): Promise<boolean> {
  const { rows } = await client.query("select from removed_subject where provider_id = $1 and subject = $2", [
    providerId,
    subject,
  ]);
  return rows.length > 0;
}
