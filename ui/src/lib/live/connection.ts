import type { ApiError } from "../api/api-error.ts";

/** Silence after which the stream counts as dead; health samples come every second or two. */
export const silenceMs = 6_000;
/** Age from which what is shown is called stale instead of being reconnected. */
export const staleAfterMs = 10_000;

/** How the watch stream stands. */
export type Connection = {
  /** "open" only while a stream stands; "waiting" between two attempts. */
  readonly phase: "connecting" | "open" | "waiting";
  /** When the last message came, milliseconds since 1970; null when none ever did. What is shown is as of then. */
  readonly freshAtMs: number | null;
  /** When the next attempt is due, milliseconds since 1970; null when none is. */
  readonly retryAtMs: number | null;
  /** Why the last stream ended; null while all is well. */
  readonly error: ApiError | null;
};

/** Before the first attempt. */
export const noConnection: Connection = { phase: "connecting", freshAtMs: null, retryAtMs: null, error: null };

/** What a person is told: whether what the page shows can be relied on. */
export type Freshness = "connecting" | "live" | "reconnecting" | "stale";

/** "live" needs an open stream that spoke within `silenceMs`; anything older than `staleAfterMs` is "stale". */
export function freshness(connection: Connection, nowMs: number): Freshness {
  const { phase, freshAtMs } = connection;
  if (freshAtMs === null) return connection.error === null ? "connecting" : "reconnecting";
  const ageMs = nowMs - freshAtMs;
  if (phase === "open" && ageMs <= silenceMs) return "live";
  return ageMs > staleAfterMs ? "stale" : "reconnecting";
}
