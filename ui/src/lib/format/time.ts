import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { customs } from "./customs.ts";

/** Milliseconds since 1970 of a timestamp of the API; undefined stays undefined. */
export function toMs(at: Timestamp): number;
export function toMs(at: Timestamp | undefined): number | undefined;
export function toMs(at: Timestamp | undefined): number | undefined {
  return at === undefined ? undefined : Number(at.seconds) * 1000 + Math.floor(at.nanos / 1_000_000);
}

/**
 * A span with its unit, as fine as it is short: "840 ms", "7.4 s", "2 min 3 s", "1 h 4 min", "3 d 2 h". `finest` "s"
 * writes "0.8 s" for what counts on the page, where a unit that changes would make the text jump.
 */
export function formatSpan(ms: number, finest: "ms" | "s" = "ms"): string {
  const span = Math.max(0, ms);
  if (span < 1000 && finest === "ms") return `${Math.round(span)} ms`;
  if (span < 59_950) return `${(span / 1000).toFixed(1)} s`;
  const seconds = Math.round(span / 1000);
  if (seconds < 3600) return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** formatSpan of a bound: rounded up, since a bound is never shown shorter than it is. */
export function formatBound(ms: number): string {
  const step = ms > 59_900 ? 1_000 : 100;
  return formatSpan(Math.ceil(ms / step) * step, "s");
}

/** How long ago, in one unit: "now", "12 s ago", "5 min ago", "3 h ago", "4 d ago"; what lies ahead: "in 12 s". */
export function formatAge(nowMs: number, thenMs: number): string {
  const ms = nowMs - thenMs;
  const size = coarse(Math.abs(ms));
  if (size === "0 s") return "now";
  return ms < 0 ? `in ${size}` : `${size} ago`;
}

function coarse(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** The moment in full with its zone, in the language and the zone that the reader chose, else the browser's. */
export function formatMoment(ms: number): string {
  const { locale, timeZone } = customs();
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long", timeZone }).format(ms);
}

/** The time of day to the millisecond, in the reader's zone: "14:03:22.417". */
export function formatClock(ms: number): string {
  return new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    timeZone: customs().timeZone,
  }).format(ms);
}
