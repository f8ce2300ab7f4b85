import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/postgresql";
import { type AuditEntry, type AuditLog, type AuditOutcome, NO_OBJECT, SYSTEM_ACTOR } from "../audit/audit-entry.ts";
import { type AuditEntryRow, AuditRetentionEntity } from "./entities/audit-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/**
 * Rows that one call of `forget` deletes at most, so that it does not run into the statement's time limit: each passes the
 * trigger.
 */
export const FORGET_ROWS_MAX = 1_000;

/** The audit trail in PostgreSQL. Everything rejects when the database is away. */
export class AuditStore implements AuditLog {
  readonly #orm: DatabaseOrm;

  constructor(orm: DatabaseOrm) {
    this.#orm = orm;
  }

  /** See AuditLog: one INSERT. Texts that are too long for their columns are cut. */
  async append(entries: readonly (AuditEntry | AuditOutcome)[]): Promise<number[]> {
    const rows = entries.map((entry) => ("refersTo" in entry ? outcomeRow(entry) : entryRow(entry)));
    return insert(this.#orm.em.fork(), rows);
  }

  /**
   * Sets how long entries are kept, days, and writes an entry when that differs from before, both or neither. The database holds
   * everybody to it.
   */
  async setRetention(days: number): Promise<void> {
    await this.#orm.em.fork().transactional(async (em) => {
      const lock = { lockMode: LockMode.PESSIMISTIC_WRITE } as const;
      const kept = await em.findOneOrFail(AuditRetentionEntity, { id: 1 }, lock);
      if (kept.days === days) return;
      const row = entryRow({
        requestId: "",
        actor: SYSTEM_ACTOR,
        method: "system/set-audit-retention",
        permission: "",
        object: NO_OBJECT,
        decision: "allowed",
        outcome: "ok",
        reason: "",
        counted: null,
        request: null,
        after: { days },
      });
      await insert(em, [{ ...row, before: { days: kept.days } }]);
      kept.days = days;
    });
  }

  /** Deletes the oldest of what the retention lets go, up to FORGET_ROWS_MAX; resolves with how many went. */
  async forget(): Promise<number> {
    const [row] = await this.#orm.em
      .fork()
      .execute<{ gone: number }[]>("select audit_entry_forget(?) as gone", [FORGET_ROWS_MAX]);
    return row?.gone ?? 0;
  }
}

/** What this writes of a row; the database gives it its number and its moment. */
type NewRow = Omit<AuditEntryRow, "sequence" | "at">;

const COLUMNS = `refers_to, request_id, actor_kind, actor_id, actor_name, token_prefix, address, method, permission, object_kind,
  object_id, object_name, decision, outcome, reason, count, since, request, before, after`;

/** One statement, however many rows; their numbers rise in the order of the rows. */
async function insert(em: EntityManager, rows: readonly NewRow[]): Promise<number[]> {
  const records = rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [snakeCase(name), value])),
  );
  const written = await em.execute<{ sequence: string }[]>(
    `insert into audit_entry (${COLUMNS}) select ${COLUMNS} from jsonb_populate_recordset(null::audit_entry, ?::jsonb)
     returning sequence`,
    [JSON.stringify(records)],
  );
  return written.map(({ sequence }) => Number(sequence)).sort((a, b) => a - b);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function entryRow({ actor, object, counted, ...entry }: AuditEntry): NewRow {
  return {
    refersTo: null,
    requestId: cut(entry.requestId, 64),
    actorKind: actor.kind,
    actorId: cut(actor.id, 64),
    actorName: cut(actor.name, 256),
    tokenPrefix: cut(actor.tokenPrefix, 16),
    address: cut(actor.address, 64),
    method: cut(entry.method, 128),
    permission: cut(entry.permission, 64),
    objectKind: object.kind,
    objectId: cut(object.id, 64),
    objectName: cut(object.name, 256),
    decision: entry.decision,
    outcome: cut(entry.outcome, 64),
    reason: cut(entry.reason, 1_024),
    count: counted?.count ?? 1,
    since: counted?.since ?? null,
    request: entry.request,
    before: null,
    after: entry.after,
  };
}

function outcomeRow(outcome: AuditOutcome): NewRow {
  return {
    refersTo: outcome.refersTo,
    // What the entry says already.
    ...{ requestId: "", actorKind: "", actorId: "", actorName: "", tokenPrefix: "", address: "" },
    ...{ method: "", permission: "", objectKind: "", objectName: "", count: 1, since: null, request: null },
    objectId: cut(outcome.objectId, 64),
    decision: outcome.decision,
    outcome: cut(outcome.outcome, 64),
    reason: cut(outcome.reason, 1_024),
    before: outcome.before,
    after: outcome.after,
  };
}

/** PostgreSQL takes neither NUL nor half a character. */
function cut(text: string, lengthMax: number): string {
  return [...text.replaceAll("\0", "\ufffd").toWellFormed()].slice(0, lengthMax).join("");
}
