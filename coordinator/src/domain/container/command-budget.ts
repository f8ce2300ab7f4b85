/** Pulling an image may take this long before a start or a preparation counts as failed. */
export const PREPARE_TIMEOUT_MS = 600_000;
/** Beyond the egg's start budget: creating the container and answering. */
const START_SLACK_MS = 60_000;
/** Milliseconds that a start may take in all: its image and, where its volume wants it, its install script included. */
export function startTimeoutMs(context: { readonly startBudgetMs: number; readonly installBudgetMs?: number }): number {
  return PREPARE_TIMEOUT_MS + (context.installBudgetMs ?? 0) + context.startBudgetMs + START_SLACK_MS;
}
/** Milliseconds that an install script may take that is run again: its image included. */
export function installTimeoutMs({ installBudgetMs = 0 }: { readonly installBudgetMs?: number }): number {
  return PREPARE_TIMEOUT_MS + installBudgetMs + START_SLACK_MS;
}
/** Beyond the stop grace: killing and answering. */
export const STOP_SLACK_MS = 20_000;
export const REMOVE_TIMEOUT_MS = 60_000;
/** Until a stop or removal that failed is tried again. */
export const RETRY_MS = 5_000;

/** A migration may wait in the queue for this long before it counts as failed. */
export const QUEUE_TIMEOUT_MS = 30 * 60_000;
/** A silent source may be neither heard nor declared dead for this long: far beyond every W. */
export const FENCING_TIMEOUT_MS = 300_000;
/** Removals at a target where nothing was started, before its next inventory is left to clean it. */
export const CLOSINGS_MAX = 3;
/** Crashes in a row on one node after which an HA container moves, unless it says otherwise. */
export const CRASHES_BEFORE_MOVE = 3;

/** Crashes and failed starts in a row after which a container is given up until somebody starts it again. */
export const RESTARTS_MAX = 10;
/** Pool ports that a container remembers to avoid; older ones are tried again. */
export const AVOID_PORTS_MAX = 64;
/** Running this long forgives earlier crashes. */
export const STABLE_AFTER_MS = 60_000;

/** Until the next start after so many failures in a row: nothing after the first, then 0.25 s doubled each time, at most 30 s. */
export function restartDelayMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(30_000, 250 * 2 ** Math.min(failures - 2, 10));
}

/** Until the next automatic migration after `failures` in a row: 5 s doubled each time, at most 5 min. */
export function moveRetryDelayMs(failures: number): number {
  return Math.min(300_000, 5_000 * 2 ** Math.min(failures - 1, 10));
}
