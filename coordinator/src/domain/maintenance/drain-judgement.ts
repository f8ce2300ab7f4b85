import type { DrainItem, MovedContainer } from "./duty-context.ts";

/** One container that holds room on the node, as a drain sees it. */
export type Resident = {
  readonly containerId: string;
  readonly name: string;
  readonly ha: boolean;
  /** Its life's state, for people. */
  readonly life: string;
  /** It runs, or will without anybody's wish. */
  readonly active: boolean;
  /** A migration could begin now. */
  readonly movable: boolean;
  /** Its data is here and nowhere else, and may not be lost. */
  readonly dataStays: boolean;
  /** The migration under way: from here, to here, or none. */
  readonly migration: "from_here" | "to_here" | "none";
  /** That migration waits for its turn. */
  readonly queued: boolean;
  readonly ownMigration: boolean;
  /** Why the migration that ended just now has failed; empty when none did. */
  readonly failure: string;
};

/** What is to be done with it: nothing, because it stays or rests; nothing now, for the reason of the item; or a try. */
export type Judgement = "stays" | "rests" | "try" | DrainItem;

/** Said of what was sent and is held back by the limits of its cluster. */
export const WAITS_FOR_ITS_TURN = "its migration waits for its turn";

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;
/** What is blocked for want of room is looked at whenever room comes, and this often in any case. */
export const NO_TARGET_RETRY_MS = 60_000;
/** Migrations back that may fail before a container stays where it is. */
export const RETURN_ATTEMPTS_MAX = 5;

/** Until the next try after so many failed ones: 5 s doubled each time, at most 5 min. */
export function drainRetryMs(attempts: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempts - 1, 10));
}

/** What a drain does with one container of the node; `before` is what it knew of it until now. */
export function judgeResident(resident: Resident, before: DrainItem | undefined, at: number): Judgement {
  const { containerId, name } = resident;
  const base = { containerId, name, code: "", attempts: before?.attempts ?? 0, retryAt: null, own: false };
  if (!resident.ha) return "stays";
  if (resident.migration === "from_here") {
    const own = resident.ownMigration;
    if (resident.queued) return { ...base, own, state: "waiting", message: WAITS_FOR_ITS_TURN };
    return { ...base, own, state: "moving", message: "its migration is under way" };
  }
  if (resident.migration === "to_here") return { ...base, state: "waiting", message: "it is just being moved here" };
  if (!resident.active) return "rests";
  if (before?.state === "moving" || (before?.state === "waiting" && before.own)) {
    // It was on its way and is here: that migration has not succeeded.
    const attempts = base.attempts + 1;
    const message = `its migration failed: ${resident.failure || "see its migration history"}`;
    const retryAt = at + drainRetryMs(attempts);
    return { ...base, state: "blocked", code: "migration_failed", message, attempts, retryAt };
  }
  if (before?.code === "migration_failed" && before.retryAt !== null && before.retryAt > at) return before;
  if (!resident.movable) return { ...base, state: "waiting", message: `it is ${resident.life}; it goes once it runs` };
  if (resident.dataStays) {
    const message = "its data is on a local volume of this node and would stay behind";
    return { ...base, state: "blocked", code: "data_stays_behind", message };
  }
  return "try";
}

/** A container that was moved away, when it is time to bring it back. */
export type Absent = {
  /** Null when it is gone. */
  readonly container: { readonly here: boolean; readonly lastMove: number; readonly migrating: boolean } | null;
};

/** "settled": it is back, or something else decides where it is now; "wait": its way back is under way; or a try. */
export function judgeAbsent(moved: MovedContainer, { container }: Absent): "settled" | "wait" | "failed" | "try" {
  if (container === null || container.here) return "settled";
  if (moved.returnMove > 0 && container.lastMove === moved.returnMove) return container.migrating ? "wait" : "failed";
  if (container.lastMove !== moved.lastMove) return "settled";
  // Its migration away may still be cleaning up.
  return container.migrating ? "wait" : "try";
}
