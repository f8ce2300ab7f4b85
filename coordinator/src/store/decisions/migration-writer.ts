import type { EntityManager } from "@mikro-orm/postgresql";
import type { MigrationChange } from "../../runtime/decision-store.ts";
import { MigrationEntity, MigrationStepEntity } from "../entities/decision-entities.ts";

/** Writes the record of migrations: begun, every state entered and left, the choice, the end. In order. */
export async function writeMigrations(
  em: EntityManager,
  changes: readonly MigrationChange[],
  at: Date,
  asOf: number,
): Promise<void> {
  for (const change of changes) {
    switch (change.kind) {
      case "begun":
        await em.insert(MigrationEntity, {
          id: change.id,
          containerId: change.containerId,
          containerName: change.containerName,
          sourceNodeId: change.sourceNodeId,
          trigger: change.trigger,
          outcome: "running",
          state: "migrating",
          startedAt: at,
          asOf,
        });
        break;
      case "step":
        await closeStep(em, change.id, at);
        await em.execute(
          `insert into migration_step (migration_id, position, name, started_at, detail)
           select ?, coalesce(max(position), 0) + 1, ?, ?, ? from migration_step where migration_id = ?`,
          [change.id, change.name, at, change.detail, change.id],
        );
        await em.nativeUpdate(MigrationEntity, { id: change.id }, { state: change.name, asOf });
        break;
      case "decided":
        await em.nativeUpdate(
          MigrationEntity,
          { id: change.id },
          { targetNodeId: change.targetNodeId, decision: change.decision, asOf },
        );
        break;
      case "ended":
        await closeStep(em, change.id, at);
        await em.nativeUpdate(
          MigrationEntity,
          { id: change.id },
          {
            outcome: change.outcome,
            state: change.outcome,
            endedAt: at,
            downtimeMs: change.downtimeMs,
            errorCode: change.errorCode,
            errorMessage: change.errorMessage,
            asOf,
          },
        );
        break;
      default:
        change satisfies never;
    }
  }
}

async function closeStep(em: EntityManager, migrationId: string, at: Date): Promise<void> {
  await em.nativeUpdate(MigrationStepEntity, { migrationId, endedAt: null }, { endedAt: at });
}
