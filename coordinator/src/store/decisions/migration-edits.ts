import type { MigrationChange } from "../../runtime/decision-store.ts";

type Change<Kind extends MigrationChange["kind"]> = Extract<MigrationChange, { kind: Kind }>;

/** All that one transaction says of a migration. */
export type MigrationEdit = {
  readonly id: string;
  /** Null for one that was begun before. */
  begun: Change<"begun"> | null;
  /** States entered, in order. */
  readonly steps: Change<"step">[];
  decided: Change<"decided"> | null;
  ended: Change<"ended"> | null;
  /** The last state or outcome that was said; null: it stays as it is. */
  state: string | null;
};

/** What a transaction's changes, which are in order, come to for every migration that they name. */
export function migrationEdits(changes: readonly MigrationChange[]): MigrationEdit[] {
  const edits = new Map<string, MigrationEdit>();
  for (const change of changes) {
    let edit = edits.get(change.id);
    if (!edit) {
      edit = { id: change.id, begun: null, steps: [], decided: null, ended: null, state: null };
      edits.set(change.id, edit);
    }
    switch (change.kind) {
      case "begun":
        edit.begun = change;
        break;
      case "step":
        edit.steps.push(change);
        edit.state = change.name;
        break;
      case "decided":
        edit.decided = change;
        break;
      case "ended":
        edit.ended = change;
        edit.state = change.outcome;
        break;
      default:
        change satisfies never;
    }
  }
  return [...edits.values()];
}
