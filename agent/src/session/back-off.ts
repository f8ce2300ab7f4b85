/** Where the wait before a new dial starts and ends, in milliseconds. */
export const BACK_OFF = { baseMs: 100, capMs: 5_000 } as const;

/**
 * How long to wait before dial number `attempt` (0 is the first retry): anything from nothing to base × 2^attempt, never above the
 * cap. Full jitter spreads a fleet that lost its coordinator at one moment. `random` is from [0, 1).
 */
export function backOffMs(
  attempt: number,
  random: number,
  limits: { baseMs: number; capMs: number } = BACK_OFF,
): number {
  const ceilingMs = Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(30, Math.max(0, attempt)));
  return Math.floor(random * ceilingMs);
}

/**
 * The limits of the back-off between dials. As long as HA containers run here under a lease or under votes, the way back to
 * the leader, perhaps another coordinator by now, must be found before they end: the pause then stays below an eighth of L.
 * Afterwards below half of it: a leader that has come back waits W, which is more than L, before it declares those dead that
 * it has not heard. `leaseMs` is null before a node has a group.
 */
export function dialLimits(leaseMs: number | null, mayRun: boolean): { baseMs: number; capMs: number } {
  if (leaseMs === null) return BACK_OFF;
  const longestMs = mayRun ? leaseMs / 8 : leaseMs / 2;
  return { baseMs: BACK_OFF.baseMs, capMs: Math.min(BACK_OFF.capMs, Math.max(BACK_OFF.baseMs, longestMs)) };
}
