import { type Migration, MigrationOutcome } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { triggerWord } from "../components/status-look.ts";
import { toMs } from "../format/time.ts";

/** Which migrations a list shows. */
export type OutcomeFilter = "all" | "running" | "completed" | "failed" | "cancelled";

const outcomes: Record<Exclude<OutcomeFilter, "all">, MigrationOutcome> = {
  running: MigrationOutcome.RUNNING,
  completed: MigrationOutcome.COMPLETED,
  failed: MigrationOutcome.FAILED,
  cancelled: MigrationOutcome.CANCELLED,
};

/** Both lists as one, newest first; of two views of one migration the one with the higher as_of. */
export function mergeMigrations(a: readonly Migration[], b: readonly Migration[]): readonly Migration[] {
  const merged = new Map(b.map((migration) => [migration.id, migration]));
  for (const migration of a) {
    const other = merged.get(migration.id);
    if (other === undefined || migration.asOf >= other.asOf) merged.set(migration.id, migration);
  }
  return [...merged.values()].sort((x, y) => (toMs(y.startedAt) ?? 0) - (toMs(x.startedAt) ?? 0));
}

/** Those with that outcome in which every word of the search is found. */
export function filterMigrations(
  migrations: readonly Migration[],
  search: string,
  outcome: OutcomeFilter,
): readonly Migration[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return migrations.filter((migration) => {
    if (outcome !== "all" && migration.outcome !== outcomes[outcome]) return false;
    const { id, containerName, sourceNodeName, targetNodeName, trigger, errorCode, errorMessage, state } = migration;
    const text = [
      id,
      containerName,
      sourceNodeName,
      targetNodeName,
      triggerWord(trigger),
      errorCode,
      errorMessage,
      state,
    ]
      .join("\n")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The fuller of two views of one migration: a list may leave out the steps and the decision that a detail view has. */
export function fullerMigration(a: Migration | undefined, b: Migration | undefined): Migration | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const [newer, other] = a.asOf >= b.asOf ? [a, b] : [b, a];
  const decision = newer.decision ?? other.decision;
  const steps = newer.steps.length >= other.steps.length ? newer.steps : other.steps;
  return { ...newer, steps, ...(decision === undefined ? {} : { decision }) };
}
