import { AuditStore } from "./audit-store.ts";
import { REQUEST_NAMED_MS } from "./named-request-store.ts";
import type { Database } from "./open-database.ts";

/** How much of the past is kept; older rows go, whatever nobody refers to any more. */
export type Retention = {
  /** Events kept behind the newest; a watcher that asks for older ones lists again. */
  readonly eventsMax: number;
  /** Answered and void commands, for people who look for what happened. */
  readonly commandsMs: number;
  /** Ended jobs and migrations, with their steps. */
  readonly historyMs: number;
  /** Resolved alerts. */
  readonly alertsMs: number;
  /** What containers used: samples of minutes, and of hours. */
  readonly fineUsageMs: number;
  readonly hourlyUsageMs: number;
  /** API tokens that were revoked or have expired. */
  readonly tokensMs: number;
};

const DAY_MS = 86_400_000;
export const DEFAULT_RETENTION: Retention = {
  eventsMax: 1_000_000,
  commandsMs: DAY_MS,
  historyMs: 400 * DAY_MS,
  alertsMs: 30 * DAY_MS,
  fineUsageMs: DAY_MS,
  hourlyUsageMs: 30 * DAY_MS,
  tokensMs: 30 * DAY_MS,
};

/** Rows that one statement deletes at most, so that none runs into the statement's time limit. */
const ROWS_MAX = 5_000;

/** Deletes what is older than the retention allows, in small bites; answers how many rows went. May be repeated. */
export async function forgetThePast(database: Database, retention: Retention, nowMs: number): Promise<number> {
  const commandsBefore = new Date(nowMs - retention.commandsMs);
  const historyBefore = new Date(nowMs - retention.historyMs);
  const bites: [sql: string, parameters: unknown[]][] = [
    [
      `delete from event where sequence in
         (select sequence from event where sequence <= (select max(sequence) from event) - ? order by sequence limit ?)`,
      [retention.eventsMax, ROWS_MAX],
    ],
    [
      `delete from outbox where command_id in
         (select command_id from outbox where state <> 'pending' and ended_at < ? limit ?)`,
      [commandsBefore, ROWS_MAX],
    ],
    [
      "delete from node_trust where node_id in (select node_id from node_trust t where not exists (select from node n where n.id = t.node_id) limit ?)",
      [ROWS_MAX],
    ],
    ["delete from job where id in (select id from job where ended_at < ? limit ?)", [historyBefore, ROWS_MAX]],
    [
      `delete from migration_step where migration_id in
         (select id from migration where ended_at < ? order by ended_at limit ?)`,
      [historyBefore, ROWS_MAX / 20],
    ],
    [
      `delete from migration where id in (select id from migration m where ended_at < ?
         and not exists (select from migration_step s where s.migration_id = m.id) limit ?)`,
      [historyBefore, ROWS_MAX],
    ],
    [
      "delete from alert where id in (select id from alert where resolved_at < ? limit ?)",
      [new Date(nowMs - retention.alertsMs), ROWS_MAX],
    ],
    ...[retention.fineUsageMs, retention.hourlyUsageMs].map((keptMs, hourly): [string, unknown[]] => [
      `delete from usage_sample where (container_id, hourly, at) in
         (select container_id, hourly, at from usage_sample where hourly = ? and at < ? order by at limit ?)`,
      [hourly === 1, new Date(nowMs - keptMs), ROWS_MAX],
    ]),
    // Whatever named them ended before that.
    [
      "delete from removed_node where id in (select id from removed_node where removed_at < ? limit ?)",
      [historyBefore, ROWS_MAX],
    ],
    [
      // What is valid for ever has neither moment, and the comparison with nothing is not true.
      `delete from api_token where token_hash in
         (select token_hash from api_token where least(revoked_at, expires_at) < ? limit ?)`,
      [new Date(nowMs - retention.tokensMs), ROWS_MAX],
    ],
    [
      `delete from named_request where (caller, request_id) in
         (select caller, request_id from named_request where created_at < ? limit ?)`,
      [new Date(nowMs - REQUEST_NAMED_MS), ROWS_MAX],
    ],
    [
      `delete from role_grant where (holder_kind, holder_id, role, scope_kind, scope_id) in
         (select holder_kind, holder_id, role, scope_kind, scope_id from role_grant g
           where (scope_kind = 'cluster' and not exists (select from cluster c where c.id = g.scope_id))
              or (scope_kind = 'container' and not exists (select from container c where c.id = g.scope_id))
              or (holder_kind = 'token' and not exists (select from api_token t where t.token_hash = g.holder_id))
           limit ?)`,
      [ROWS_MAX],
    ],
  ];
  let forgotten = 0;
  for (const [sql, parameters] of bites) {
    for (let gone = 1; gone > 0; ) {
      const [row] = await database.orm.em
        .fork()
        .execute<{ gone: number }[]>(
          `with gone as (${sql} returning 1) select count(*)::int as gone from gone`,
          parameters,
        );
      gone = row?.gone ?? 0;
      forgotten += gone;
    }
  }
  return forgotten + (await forgetAudit(new AuditStore(database.orm)));
}

/** By the retention that the database keeps for itself, and by its clock. */
async function forgetAudit(audit: AuditStore): Promise<number> {
  let forgotten = 0;
  for (let gone = 1; gone > 0; forgotten += gone) gone = await audit.forget();
  return forgotten;
}
