import type { Clock } from "../runtime/clock.ts";
import type { SealedRegistry } from "../secrets/registry-logins.ts";
import { RegistryEntity, type RegistryRow } from "./entities/secret-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** A login as people see it. */
export type RegistryReading = Pick<SealedRegistry, "server" | "clusterId" | "username"> & {
  /** Empty for the one for all. */
  readonly clusterName: string;
  readonly setBy: string;
  readonly setAt: Date;
};

/** Logins that are kept. */
export const REGISTRIES_MAX = 1_000;

/** The logins that were set for registries. Everything rejects when the database is away. */
export class RegistryStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** Replaces the login for the same server and cluster. False, and nothing is stored: it would be one too many. */
  async set(login: SealedRegistry, by: string): Promise<boolean> {
    const { server, clusterId, username, sealed, key } = login;
    const { id: keyId, masterKeyId, wrapped } = key;
    const setAt = new Date(this.#clock.wallMs());
    return this.#orm.em.fork().transactional(async (em) => {
      // Those that are set at once come one after the other, and count what the one before has set.
      await em.execute("lock table registry in share row exclusive mode");
      // Those of clusters that are gone are nobody's, and nobody sees them.
      await em.execute(
        "delete from registry where cluster_id <> '' and cluster_id not in (select id::text from cluster)",
      );
      const isNew = (await em.count(RegistryEntity, { server, clusterId })) === 0;
      if (isNew && (await em.count(RegistryEntity, {})) >= REGISTRIES_MAX) return false;
      const row = { server, clusterId, username, sealed, keyId, masterKeyId, wrapped, setBy: by, setAt };
      await em.upsert(RegistryEntity, row);
      return true;
    });
  }

  /** False: there was none. */
  async remove(server: string, clusterId: string): Promise<boolean> {
    return (await this.#orm.em.fork().nativeDelete(RegistryEntity, { server, clusterId })) > 0;
  }

  async find(server: string, clusterId: string): Promise<SealedRegistry | null> {
    const row = await this.#orm.em.fork().findOne(RegistryEntity, { server, clusterId });
    return row && sealedOf(row);
  }

  /** Those for everything and those of clusters that are there, sealed. */
  async all(): Promise<SealedRegistry[]> {
    const em = this.#orm.em.fork();
    const rows = await em.find(RegistryEntity, {}, { limit: REGISTRIES_MAX, disableIdentityMap: true });
    return rows.map(sealedOf);
  }

  /** The same for people, by server. */
  async list(): Promise<RegistryReading[]> {
    const rows = await this.#orm.em.fork().execute<RawReading[]>(
      `select r.server, r.cluster_id, coalesce(c.name, '') as cluster_name, r.username, r.set_by, r.set_at
         from registry r left join cluster c on c.id::text = r.cluster_id
        where r.cluster_id = '' or c.id is not null
        order by r.server, r.cluster_id <> '', c.name limit ?`,
      [REGISTRIES_MAX],
    );
    return rows.map((raw) => ({
      server: raw.server,
      clusterId: raw.cluster_id,
      clusterName: raw.cluster_name,
      username: raw.username,
      setBy: raw.set_by,
      setAt: new Date(raw.set_at),
    }));
  }
}

type RawReading = {
  readonly server: string;
  readonly cluster_id: string;
  readonly cluster_name: string;
  readonly username: string;
  readonly set_by: string;
  readonly set_at: string | Date;
};

function sealedOf({ server, clusterId, username, sealed, keyId, masterKeyId, wrapped }: RegistryRow): SealedRegistry {
  return { server, clusterId, username, sealed, key: { id: keyId, masterKeyId, wrapped } };
}
