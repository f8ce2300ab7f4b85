import type { EntityManager } from "@mikro-orm/postgresql";
import type { WrappedKey } from "../domain/sealed-text.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { MasterKeyMismatchError, type MasterKeyRegister } from "../secrets/master-key-register.ts";
import { storedKey } from "./authority-store.ts";
import { AuthorityEntity } from "./entities/authority-entities.ts";
import { ContainerKeyEntity, MasterKeyEntity, RegistryEntity } from "./entities/secret-entities.ts";
import type { Database } from "./open-database.ts";

/** One key for everything until there is a reason for more. */
const SCOPE = "secrets";
const ROWS_PER_STATEMENT = 500;

/** What coordinators of one database agree on about their master keys. */
export class MasterKeyStore implements MasterKeyRegister {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async current(): Promise<string | null> {
    const row = await this.#database.orm.em.fork().findOne(MasterKeyEntity, { scope: SCOPE });
    return row?.keyId ?? null;
  }

  agree(keyring: Keyring, nowMs: number): Promise<number> {
    return this.#database.orm.em.fork().transactional(async (em) => {
      // Of coordinators that start together one comes after the other, and sees what that has done.
      await em.execute("lock table master_key in exclusive mode");
      const used = await em.execute<{ id: string }[]>(
        `select key_id as id from master_key where scope = ? union select distinct master_key_id from container_key
           union select distinct master_key_id from registry
           union select master_key_id from authority where master_key_id is not null`,
        [SCOPE],
      );
      const missing = used.map(({ id }) => id).filter((id) => !keyring.has(id));
      if (missing.length > 0) throw new MasterKeyMismatchError(missing);
      let count = 0;
      for (const rewrap of [rewrapContainers, rewrapRegistries, rewrapAuthorities]) count += await rewrap(em, keyring);
      await em.upsert(
        MasterKeyEntity,
        { scope: SCOPE, keyId: keyring.primary.id, since: new Date(nowMs) },
        { onConflictFields: ["scope"] },
      );
      return count;
    });
  }
}

/** The keys of every container under the primary master key; answers how many were under another. */
async function rewrapContainers(em: EntityManager, keyring: Keyring): Promise<number> {
  for (let count = 0; ; ) {
    const rows = await em.find(ContainerKeyEntity, underAnother(keyring), {
      limit: ROWS_PER_STATEMENT,
      orderBy: { containerId: "asc" },
      disableIdentityMap: true,
    });
    if (rows.length === 0) return count;
    const changed = rows.map((row) => {
      const { masterKeyId, wrapped } = rewrapped(keyring, row);
      return { container_id: row.containerId, master_key_id: masterKeyId, wrapped };
    });
    await em.execute(
      `update container_key k set master_key_id = v.master_key_id, wrapped = v.wrapped
         from jsonb_to_recordset(?::jsonb) as v (container_id uuid, master_key_id text, wrapped text)
        where k.container_id = v.container_id`,
      [JSON.stringify(changed)],
    );
    count += rows.length;
  }
}

/** The same of the keys of logins, which are few. */
async function rewrapRegistries(em: EntityManager, keyring: Keyring): Promise<number> {
  const rows = await em.find(RegistryEntity, underAnother(keyring), { disableIdentityMap: true });
  for (const { server, clusterId, keyId, ...key } of rows) {
    await em.nativeUpdate(RegistryEntity, { server, clusterId }, rewrapped(keyring, { ...key, id: keyId }));
  }
  return rows.length;
}

/** The same of the keys of the fleet's authorities, of which there are two at most. */
async function rewrapAuthorities(em: EntityManager, keyring: Keyring): Promise<number> {
  const rows = await em.find(AuthorityEntity, underAnother(keyring), { disableIdentityMap: true });
  const keys = rows.flatMap((row) => storedKey(row) ?? []);
  for (const key of keys) await em.nativeUpdate(AuthorityEntity, { keyId: key.id }, rewrapped(keyring, key));
  return keys.length;
}

const underAnother = (keyring: Keyring) => ({ masterKeyId: { $ne: keyring.primary.id } });

/** The columns of a key that is under the primary master key from now on. */
function rewrapped(keyring: Keyring, key: WrappedKey): Omit<WrappedKey, "id"> {
  const { masterKeyId, wrapped } = keyring.rewrapped(key);
  return { masterKeyId, wrapped };
}

/** The key of a container's secrets; null where it has none. */
export async function containerKey(em: EntityManager, containerId: string): Promise<WrappedKey | null> {
  const row = await em.findOne(ContainerKeyEntity, { containerId });
  return row && { id: row.id, masterKeyId: row.masterKeyId, wrapped: row.wrapped };
}

/** Stores the keys of containers that have none yet. One that is there stays: only a rotation of the master key writes it anew. */
export async function addContainerKeys(
  em: EntityManager,
  keys: readonly { readonly containerId: string; readonly key: WrappedKey }[],
): Promise<void> {
  if (keys.length === 0) return;
  const rows = keys.map(({ containerId, key }) => ({
    container_id: containerId,
    id: key.id,
    master_key_id: key.masterKeyId,
    wrapped: key.wrapped,
  }));
  await em.execute(
    `insert into container_key (container_id, id, master_key_id, wrapped)
     select container_id, id, master_key_id, wrapped
       from jsonb_to_recordset(?::jsonb) as v (container_id uuid, id uuid, master_key_id text, wrapped text)
     on conflict (container_id) do nothing`,
    [JSON.stringify(rows)],
  );
}
