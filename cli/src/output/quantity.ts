import { InvalidArgumentError } from "commander";

const factors: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** "256Mi", "1.5G" or "1000" as bytes. */
export function parseBytes(text: string): bigint {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  const bytes =
    match === null ? Number.NaN : Number(match[1]) * (factors[(match[2] ?? "").toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(Math.round(bytes)) && bytes > 0) return BigInt(Math.round(bytes));
  throw new InvalidArgumentError('it is an amount of bytes such as "256Mi" or "1G".');
}

/** "0.5" cores or "500m" as thousandths of a core. */
export function parseCpu(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(text.trim());
  const millis = match === null ? Number.NaN : Math.round(Number(match[1]) * (match[2] === "m" ? 1 : 1000));
  if (millis >= 1 && millis <= 0xffff_ffff) return millis;
  throw new InvalidArgumentError('it is a number of cores such as "0.5" or "500m".');
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A commander parser for lengths of time: "90s", "30m", "2h" or "1d" as seconds, at most a year. */
export function durationSeconds(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text.trim());
  const seconds = match === null ? Number.NaN : Number(match[1]) * (secondsOf[match[2] ?? ""] ?? Number.NaN);
  if (seconds >= 1 && seconds <= 31_536_000) return seconds;
  throw new InvalidArgumentError('it is a length of time such as "90s", "30m", "2h" or "1d", at most a year.');
}

/** A moment that may hang on when it is asked for, milliseconds since 1970. */
export type Moment = (nowMs: number) => Date;

/** A commander parser for moments: "2h" or "30d" ago, or as ISO 8601 writes them. */
export function moment(text: string): Moment {
  if (/^\d+[smhd]$/.test(text)) {
    const seconds = durationSeconds(text);
    return (nowMs) => new Date(nowMs - seconds * 1_000);
  }
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (!Number.isNaN(at.getTime())) return () => at;
  throw new InvalidArgumentError(
    'it is a length of time such as "2h" or "30d", or a moment such as "2026-11-21T11:30:00Z".',
  );
}

/** A commander parser for whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`it is a whole number from ${min} to ${max}.`);
  };
}

/** A commander parser for options given several times: "NAME=VALUE" into a record. */
export function collectPair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("it is NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The same for "NAME=PORT", ports from 1 to 65535. */
export function collectPort(text: string, before: Record<string, number> = {}): Record<string, number> {
  const port = wholeNumber(1, 65_535);
  return {
    ...before,
    ...Object.fromEntries(Object.entries(collectPair(text)).map(([key, value]) => [key, port(value)])),
  };
}
