import type { JoinTokenRegister, JoinTokenState, NewJoinToken } from "../agents/join-token-register.ts";
import { JoinTokenEntity } from "./entities/fleet-entities.ts";
import type { Database } from "./open-database.ts";

/** Expired tokens are kept this long, so that a late claim is told why, and then removed by the next creation. */
const KEPT_AFTER_END_MS = 7 * 86_400_000;

/** Join tokens in PostgreSQL. */
export class JoinTokenStore implements JoinTokenRegister {
  readonly #database: Pick<Database, "orm">;

  constructor(database: Pick<Database, "orm">) {
    this.#database = database;
  }

  async create(token: NewJoinToken): Promise<void> {
    const em = this.#database.orm.em.fork();
    await em.nativeDelete(JoinTokenEntity, { expiresAt: { $lt: new Date(token.createdAtMs - KEPT_AFTER_END_MS) } });
    await em.insert(JoinTokenEntity, {
      secretHash: token.secretHash,
      clusterId: token.clusterId,
      createdBy: token.createdBy,
      createdAt: new Date(token.createdAtMs),
      expiresAt: new Date(token.expiresAtMs),
      needsApproval: token.needsApproval ?? false,
      usedAt: null,
      usedByNodeId: null,
    });
  }

  async find(secretHash: string, nowMs: number): Promise<JoinTokenState> {
    const token = await this.#database.orm.em.fork().findOne(JoinTokenEntity, { secretHash });
    if (token === null) return { kind: "unknown" };
    const ended = nowMs >= token.expiresAt.getTime();
    const { clusterId, needsApproval } = token;
    if (token.usedAt !== null) {
      return { kind: "used", nodeId: ended ? null : (token.usedByNodeId ?? null), needsApproval };
    }
    if (ended) return { kind: "expired" };
    return { kind: "usable", clusterId, needsApproval };
  }
}
