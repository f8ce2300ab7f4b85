import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { Refusal } from "../../domain/refusal.ts";
import { boundedMoment } from "../../store/read-model/moment.ts";

/** The moment that a request's field names, to the millisecond; null where it names none. Refuses one that no Timestamp may be. */
export function givenMoment(given: Timestamp | undefined, field: string): Date | null {
  if (given === undefined) return null;
  const isWhole = given.nanos >= 0 && given.nanos < 1_000_000_000;
  const at = isWhole ? boundedMoment(Number(given.seconds) * 1_000 + Math.floor(given.nanos / 1_000_000)) : null;
  if (at !== null) return at;
  throw new Refusal(
    "invalid_argument",
    `${field}: it is no moment of the years 1 to 9999 with 0 to 999,999,999 nanoseconds.`,
    "Give one such as 2026-11-30T18:00:00Z, or leave it out.",
    { field },
  );
}
