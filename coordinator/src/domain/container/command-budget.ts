/** Pulling an image may take this long before a start or a preparation counts as failed. */
export const PREPARE_TIMEOUT_MS = 600_000;
/** Beyond the egg's start budget: creating the container and answering. */
export const START_SLACK_MS = 60_000;
/** Beyond the stop grace: killing and answering. */
export const STOP_SLACK_MS = 20_000;
export const REMOVE_TIMEOUT_MS = 60_000;
/** Until a stop or removal that failed is tried again. */
export const RETRY_MS = 5_000;

/** Crashes and failed starts in a row after which a container is given up until somebody starts it again. */
export const RESTARTS_MAX = 10;
/** Pool ports that a container remembers to avoid; older ones are tried again. */
export const AVOID_PORTS_MAX = 64;
/** Running this long forgives earlier crashes. */
export const STABLE_AFTER_MS = 60_000;

/** Until the next start after `restarts` failures in a row: 0.25 s doubled each time, at most 30 s. */
export function restartDelayMs(restarts: number): number {
  return Math.min(30_000, 250 * 2 ** Math.min(restarts, 10));
}
