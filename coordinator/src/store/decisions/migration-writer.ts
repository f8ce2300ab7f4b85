import type { EntityManager } from "@mikro-orm/postgresql";
import type { MigrationChange } from "../../runtime/decision-store.ts";
import { MigrationEntity } from "../entities/decision-entities.ts";
import { type MigrationEdit, migrationEdits } from "./migration-edits.ts";

/**
 * Writes the record of migrations: begun, every state entered and left, the choice, the end. So many statements however
 * many migrations a transaction is about, each of one text: a commit of 256 decisions is one round trip a table.
 */
export async function writeMigrations(
  em: EntityManager,
  changes: readonly MigrationChange[],
  at: Date,
  asOf: number,
): Promise<void> {
  if (changes.length === 0) return;
  const edits = migrationEdits(changes);
  const begun = edits.flatMap(({ id, begun: of, state, decided, ended }) =>
    of === null
      ? []
      : {
          id,
          containerId: of.containerId,
          containerName: of.containerName,
          sourceNodeId: of.sourceNodeId,
          trigger: of.trigger,
          requestId: of.requestId,
          outcome: ended?.outcome ?? "running",
          state: state ?? "migrating",
          startedAt: at,
          endedAt: ended === null ? null : at,
          downtimeMs: ended?.downtimeMs ?? null,
          errorCode: ended?.errorCode ?? "",
          errorMessage: ended?.errorMessage ?? "",
          targetNodeId: decided?.targetNodeId ?? null,
          decision: decided?.decision ?? null,
          asOf,
        },
  );
  if (begun.length > 0) await em.insertMany(MigrationEntity, begun);
  await changeMigrations(
    em,
    edits.filter((edit) => edit.begun === null),
    at,
    asOf,
  );
  await writeSteps(em, edits, at);
}

async function changeMigrations(
  em: EntityManager,
  edits: readonly MigrationEdit[],
  at: Date,
  asOf: number,
): Promise<void> {
  if (edits.length === 0) return;
  const rows = edits.map(({ id, state, decided, ended }) => ({
    id,
    state,
    has_decided: decided !== null,
    target_node_id: decided?.targetNodeId ?? null,
    decision: decided?.decision ?? null,
    has_ended: ended !== null,
    outcome: ended?.outcome ?? null,
    downtime_ms: ended?.downtimeMs ?? null,
    error_code: ended?.errorCode ?? null,
    error_message: ended?.errorMessage ?? null,
  }));
  await em.execute(
    `update migration m set
       state = coalesce(v.state, m.state),
       target_node_id = case when v.has_decided then v.target_node_id else m.target_node_id end,
       decision = case when v.has_decided then v.decision else m.decision end,
       outcome = case when v.has_ended then v.outcome else m.outcome end,
       ended_at = case when v.has_ended then ? else m.ended_at end,
       downtime_ms = case when v.has_ended then v.downtime_ms else m.downtime_ms end,
       error_code = case when v.has_ended then v.error_code else m.error_code end,
       error_message = case when v.has_ended then v.error_message else m.error_message end,
       as_of = ?
     from jsonb_to_recordset(?::jsonb) as v (
       id uuid, state text, has_decided boolean, target_node_id uuid, decision jsonb, has_ended boolean, outcome text,
       downtime_ms bigint, error_code text, error_message text)
     where m.id = v.id`,
    [at, asOf, JSON.stringify(rows)],
  );
}

/** A state that is entered leaves the one before it; the end leaves the last. */
async function writeSteps(em: EntityManager, edits: readonly MigrationEdit[], at: Date): Promise<void> {
  const left = edits.filter(({ begun, steps, ended }) => begun === null && (steps.length > 0 || ended !== null));
  if (left.length > 0) {
    await em.execute(
      `update migration_step set ended_at = ?
       where ended_at is null and migration_id in (select value::uuid from jsonb_array_elements_text(?::jsonb))`,
      [at, JSON.stringify(left.map(({ id }) => id))],
    );
  }
  const entered = edits.flatMap(({ id, steps, ended }) =>
    steps.map(({ name, detail }, index) => ({
      migration_id: id,
      place: index + 1,
      name,
      detail,
      is_left: index < steps.length - 1 || ended !== null,
    })),
  );
  if (entered.length === 0) return;
  await em.execute(
    `insert into migration_step (migration_id, position, name, started_at, ended_at, detail)
     select v.migration_id,
       v.place + coalesce((select max(s.position) from migration_step s where s.migration_id = v.migration_id), 0),
       v.name, ?, case when v.is_left then ?::timestamptz end, v.detail
     from jsonb_to_recordset(?::jsonb) as v (migration_id uuid, place integer, name text, detail text, is_left boolean)`,
    [at, at, JSON.stringify(entered)],
  );
}
