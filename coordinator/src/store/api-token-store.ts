import type { EntityManager } from "@mikro-orm/postgresql";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import { ApiTokenEntity, type ApiTokenRow } from "./entities/fleet-entities.ts";
import { addGrants, type NewGrant } from "./grant-store.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** Tokens that are valid at once; one more is refused. */
export const TOKENS_MAX = 1_000;
/** The last use is noted at most this often, milliseconds. */
export const LAST_USE_STEP_MS = 60_000;

export type NewApiToken = {
  readonly name: string;
  readonly hash: string;
  readonly prefix: string;
  /** What it may everywhere; empty: nothing. */
  readonly role: string;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
};

/** Whoever makes a token was removed or revoked, and is still believed for a moment: what he makes now nobody would take away. */
export class MakerGone extends Error {}

/** A token as it is kept. */
export type ApiTokenRecord = Omit<NewApiToken, "hash"> & {
  /** The id of the person who made it, or the token that it was made with, and so on; empty: nobody's. */
  readonly owner: string;
  readonly tokenHash: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
};

/** Bearer tokens of the public plane, kept as SHA-256 digests (hex). Everything rejects when the database is away. */
export class ApiTokenStore {
  readonly #orm: DatabaseOrm;
  readonly #clock: Clock;

  constructor(orm: DatabaseOrm, clock: Clock) {
    this.#orm = orm;
    this.#clock = clock;
  }

  /** The valid token with this digest; null when there is none, it was revoked or it has expired. */
  async findValid(hash: string): Promise<ApiTokenRecord | null> {
    const row = await this.#orm.em.fork().findOne(ApiTokenEntity, { tokenHash: hash, ...this.#valid() });
    return row && recordOf(row);
  }

  /** Notes that a token is being used, unless that was noted a moment ago. */
  async noteUse({ tokenHash, lastUsedAt }: ApiTokenRecord): Promise<void> {
    const nowMs = this.#clock.wallMs();
    if (lastUsedAt && nowMs - lastUsedAt.getTime() < LAST_USE_STEP_MS) return;
    await this.#orm.em.fork().nativeUpdate(ApiTokenEntity, { tokenHash }, { lastUsedAt: new Date(nowMs) });
  }

  /**
   * Stores a token with roles for clusters and containers. Refusals: name_taken (a valid one has this name), invalid_argument
   * (TOKENS_MAX are valid, or more than GRANTS_MAX roles). Throws MakerGone.
   */
  async create(token: NewApiToken, grants: readonly NewGrant[] = []): Promise<ApiTokenRecord> {
    const row = await this.#orm.em.fork().transactional(async (em) => {
      // Two of one name at once: the second one sees the first.
      await em.execute("lock table api_token in share row exclusive mode");
      // Now, since who removes him revokes what he made in that transaction: it either sees this token, or is seen here.
      const owner = await ownerOf(em, token.createdBy, this.#valid());
      if (owner === null) throw new MakerGone(`${token.createdBy} is gone`);
      if ((await em.count(ApiTokenEntity, { name: token.name, ...this.#valid() })) > 0) {
        throw new Refusal(
          "name_taken",
          `a token named ${token.name} is valid already`,
          "revoke it, or choose another name",
          {
            field: "name",
          },
        );
      }
      if ((await em.count(ApiTokenEntity, this.#valid())) >= TOKENS_MAX) {
        throw new Refusal(
          "invalid_argument",
          `${TOKENS_MAX} tokens are valid already`,
          "revoke tokens that nobody uses",
        );
      }
      const holder = { kind: "token", id: token.hash } as const;
      await addGrants(em, holder, grants, token.createdBy, new Date(this.#clock.wallMs()));
      return em.create(ApiTokenEntity, this.#row(token, owner));
    });
    return recordOf(row);
  }

  /** Stores a token and revokes every other one of its name, both or neither. */
  async replace(token: NewApiToken): Promise<void> {
    const revokedAt = new Date(this.#clock.wallMs());
    await this.#orm.em.fork().transactional(async (em) => {
      await em.nativeUpdate(ApiTokenEntity, { name: token.name, revokedAt: null }, { revokedAt });
      em.create(ApiTokenEntity, this.#row(token, ""));
    });
  }

  /** Revokes all of a name; resolves with how many were valid. */
  revoke(name: string): Promise<number> {
    const revokedAt = new Date(this.#clock.wallMs());
    return this.#orm.em.fork().nativeUpdate(ApiTokenEntity, { name, ...this.#valid() }, { revokedAt });
  }

  /** All that are valid, newest first. */
  async valid(): Promise<ApiTokenRecord[]> {
    const order = { orderBy: { createdAt: "desc", name: "asc" }, limit: TOKENS_MAX } as const;
    return (await this.#orm.em.fork().find(ApiTokenEntity, this.#valid(), order)).map(recordOf);
  }

  #valid() {
    return validAt(this.#clock.wallMs());
  }

  #row({ hash, ...token }: NewApiToken, owner: string) {
    return {
      ...token,
      owner,
      tokenHash: hash,
      createdAt: new Date(this.#clock.wallMs()),
      lastUsedAt: null,
      revokedAt: null,
    };
  }
}

const validAt = (wallMs: number) => ({
  revokedAt: null,
  $or: [{ expiresAt: null }, { expiresAt: { $gt: new Date(wallMs) } }],
});

/**
 * Whose what somebody makes is: "session:ANN@EXAMPLE.ORG" makes Ann's, "token:NAME" the token's owner's; others ("coordinator") make
 * nobody's. Null: there is no such account, or no such token that is valid.
 */
async function ownerOf(em: EntityManager, maker: string, valid: ReturnType<typeof validAt>): Promise<string | null> {
  const [kind = "", ...rest] = maker.split(":");
  const name = rest.join(":");
  if (kind === "token") return (await em.findOne(ApiTokenEntity, { name, ...valid }))?.owner ?? null;
  if (kind !== "session") return "";
  const [person] = await em.execute<{ id: string }[]>(`select id from auth."user" where email = ?`, [name]);
  return person?.id ?? null;
}

function recordOf(row: ApiTokenRow): ApiTokenRecord {
  const { tokenHash, name, role, prefix, createdBy, owner, createdAt, expiresAt, lastUsedAt } = row;
  const [ends, used] = [expiresAt ?? null, lastUsedAt ?? null];
  return { tokenHash, name, role, prefix, createdBy, owner, createdAt, expiresAt: ends, lastUsedAt: used };
}
