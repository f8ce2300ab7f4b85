import { CRASHES_BEFORE_MOVE } from "./command-budget.ts";
import { type ContainerContext, freshContainer, type Move } from "./container-context.ts";
import { CONTAINER_MACHINE_VERSION } from "./container-machine.ts";

export type StoredContainer = { readonly value: unknown; readonly context: unknown };

/** Versions whose snapshots lack only what has a sensible value for them: every state of theirs exists still. */
const OLDEST_VERSION = 1;

/**
 * Takes up a stored snapshot that an older version wrote: what it does not say gets the value of a container that nothing
 * has happened to. Null when the version is not known.
 */
export function containerSnapshotOf(version: number, stored: StoredContainer): StoredContainer | null {
  if (version < OLDEST_VERSION || version > CONTAINER_MACHINE_VERSION) return null;
  if (version === CONTAINER_MACHINE_VERSION) return stored;
  // Written by an older freshContainer: all that it had is there, with the meaning that it has now.
  const old = stored.context as ContainerContext;
  const fresh = freshContainer({ ...old, priority: "normal", crashesBeforeMove: CRASHES_BEFORE_MOVE });
  const context: ContainerContext = { ...fresh, ...old };
  return { value: stored.value, context: { ...context, move: old.move && { ...noLater(old.move), ...old.move } } };
}

/** What later versions know of a migration, of one that they did not begin. */
function noLater(move: Move): Partial<Move> {
  return { automatic: move.trigger === "auto", heldFor: "", closings: 0, cancelled: null, poolPorts: [] };
}
