import type { EntityManager, MikroORM } from "@mikro-orm/postgresql";

/** What one consistent look at the database offers to a reader. */
export type Snapshot = {
  readonly em: EntityManager;
  /** Sequence number of the newest event that this look contains; 0 before the first. */
  readonly asOf: bigint;
};

/**
 * Reads in one read-only transaction at repeatable read, so that everything read is of one moment and `asOf` names that
 * moment: who watches from it misses nothing and sees nothing twice. Keep `read` short; it holds a connection.
 */
export function readSnapshot<T>(orm: MikroORM, read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  return orm.em
    .fork({ disableTransactions: false })
    .transactional(async (em) => read({ em, asOf: await newestEvent(em) }), {
      isolationLevel: "repeatable read",
      readOnly: true,
    });
}

/** Sequence number of the newest committed event; 0 before the first. */
export async function newestEvent(em: EntityManager): Promise<bigint> {
  const rows = await em.execute<{ newest: string | null }[]>("select max(sequence)::text as newest from event");
  return BigInt(rows[0]?.newest ?? "0");
}

/** A PostgreSQL array literal of UUIDs, for `= any(?::uuid[])`; the ids come from rows and from our own certificates, never from a request. */
export function uuidArray(ids: readonly string[]): string {
  return `{${ids.join(",")}}`;
}

/** The distinct ids that are there. */
export function distinct(ids: Iterable<string | null | undefined>): string[] {
  const set = new Set<string>();
  for (const id of ids) if (id !== null && id !== undefined && id !== "") set.add(id);
  return [...set];
}
