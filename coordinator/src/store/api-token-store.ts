import type { Clock } from "../runtime/clock.ts";
import { ApiTokenEntity } from "./entities/fleet-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Bearer tokens of the public plane, kept as SHA-256 digests (hex). Everything rejects when the database is away. */
export class ApiTokenStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** The valid token with this digest; null when there is none or it was revoked. */
  async findValid(hash: string): Promise<{ readonly tokenHash: string; readonly name: string } | null> {
    const row = await this.#orm.em.fork().findOne(ApiTokenEntity, { tokenHash: hash, revokedAt: null });
    return row === null ? null : { tokenHash: row.tokenHash, name: row.name };
  }

  /** Stores a token and revokes every other one of its name, both or neither. */
  async replace(name: string, hash: string): Promise<void> {
    const now = new Date(this.#clock.wallMs());
    await this.#orm.em.fork().transactional(async (em) => {
      await em.nativeUpdate(ApiTokenEntity, { name, revokedAt: null }, { revokedAt: now });
      em.create(ApiTokenEntity, { tokenHash: hash, name, createdAt: now, revokedAt: null });
    });
  }

  /** Revokes all of a name; resolves with how many were valid. */
  revoke(name: string): Promise<number> {
    const revokedAt = new Date(this.#clock.wallMs());
    return this.#orm.em.fork().nativeUpdate(ApiTokenEntity, { name, revokedAt: null }, { revokedAt });
  }

  /** The digests of all tokens that are valid. */
  async validHashes(): Promise<string[]> {
    const rows = await this.#orm.em.fork().find(ApiTokenEntity, { revokedAt: null }, { orderBy: { createdAt: "asc" } });
    return rows.map((row) => row.tokenHash);
  }
}
