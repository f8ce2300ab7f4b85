/** A node that comes and goes: when it died, or was silent and heard again, wall clock ms, oldest first. */
export type Flaps = readonly number[];

/** Moments that are kept of a node; more do not make it worse. */
export const FLAPS_MAX = 16;
/** After this long a moment counts half, after twice as long a quarter. */
export const FLAP_HALF_LIFE_MS = 600_000;
/** Moments of before this are forgotten: they would count less than a fiftieth. */
const FLAP_WINDOW_MS = 3_600_000;
const POINTS_PER_FLAP = 60;
/** Below what another cluster costs: a node of the own cluster that flaps is better than a stable one elsewhere. */
export const FLAP_POINTS_MAX = 400;

/** The moments of a node after one more. */
export function withFlap(flaps: Flaps, at: number): Flaps {
  return [...flaps.filter((moment) => at - moment < FLAP_WINDOW_MS), at].slice(-FLAPS_MAX);
}

/** What placement takes off the node's score now, and why; null when nothing. A clock that was set back takes off no more. */
export function flapPenalty(flaps: Flaps, nowMs: number): { readonly points: number; readonly reason: string } | null {
  const recent = flaps.filter((moment) => nowMs - moment < FLAP_WINDOW_MS);
  const weight = recent.reduce((sum, moment) => sum + 2 ** (-Math.max(0, nowMs - moment) / FLAP_HALF_LIFE_MS), 0);
  const points = Math.min(FLAP_POINTS_MAX, Math.round(weight * POINTS_PER_FLAP));
  const [first] = recent;
  if (points === 0 || first === undefined) return null;
  const minutes = Math.max(1, Math.ceil((nowMs - first) / 60_000));
  const times = recent.length === 1 ? "once" : `${recent.length} times`;
  return { points, reason: `came and went ${times} in ${minutes} min: −${points}` };
}
