import { CLOCK_RATE_ERROR_MAX } from "./lease-policy.ts";

/**
 * How fast a node's boot clock runs against the leader's. In each window the heartbeat that travelled fastest gives the
 * smallest lag (received − elapsed at the sender); how that changes from window to window is the difference of the rates.
 */
export type ClockRate = {
  readonly window: ClockWindow | null;
  /** The closed window before. */
  readonly before: ClockPoint | null;
  /** Relative difference, measured over the newest closed window: +0.03 is a node whose clock runs 3 % fast. Null: unknown. */
  readonly difference: number | null;
  /** Closed windows in a row whose difference was beyond the limit. */
  readonly beyond: number;
};

type ClockWindow = { readonly startedMs: number; readonly best: ClockPoint };
type ClockPoint = { readonly lagMs: number; readonly receivedMs: number };

/** Long enough that a lag of some hundred milliseconds, taken for a difference of rates, stays below the limit. */
export const CLOCK_WINDOW_MS = 60_000;
/** Half of ρ, since the leader's own clock may err as well. */
export const CLOCK_DIFFERENCE_MAX = CLOCK_RATE_ERROR_MAX / 2;
/** One window may be an accident of the network. */
const WINDOWS_BEYOND = 2;

export const CLOCK_RATE_UNKNOWN: ClockRate = { window: null, before: null, difference: null, beyond: 0 };

/** Takes one heartbeat: `elapsedMs` on the node's clock since it introduced itself, received at `receivedMs` of the leader's. */
export function clockSampled(rate: ClockRate, elapsedMs: number, receivedMs: number): ClockRate {
  const point = { lagMs: receivedMs - elapsedMs, receivedMs };
  const { window } = rate;
  if (!window) return { ...rate, window: { startedMs: receivedMs, best: point } };
  if (receivedMs - window.startedMs < CLOCK_WINDOW_MS) {
    return point.lagMs < window.best.lagMs ? { ...rate, window: { ...window, best: point } } : rate;
  }
  const closed = window.best;
  const opened = { startedMs: receivedMs, best: point };
  if (!rate.before) return { ...rate, window: opened, before: closed };
  const apartMs = closed.receivedMs - rate.before.receivedMs;
  if (apartMs <= 0) return { ...rate, window: opened, before: closed };
  // A clock that runs fast reports more elapsed time, so its lag shrinks.
  const difference = (rate.before.lagMs - closed.lagMs) / apartMs;
  const isBeyond = Math.abs(difference) > CLOCK_DIFFERENCE_MAX;
  return { window: opened, before: closed, difference, beyond: isBeyond ? rate.beyond + 1 : 0 };
}

/** True while the node's clock runs so wrong that the arithmetic of leases is not safe on it. */
export function clockIsUnsound(rate: ClockRate): boolean {
  return rate.beyond >= WINDOWS_BEYOND;
}
