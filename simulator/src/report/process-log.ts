import type { RunLog } from "./run-log.ts";

type Fields = Readonly<Record<string, unknown>>;
type Write = (fields: object | string, text?: string) => void;

/** The log of one simulated process: every line becomes a note of the run, and costs nothing while that is off. */
export function processLog(log: RunLog, who: string): { info: Write; warn: Write; error: Write } {
  if (!log.on) return { info: silent, warn: silent, error: silent };
  const write: Write = (fields, text) => {
    if (typeof fields === "string") log.note(who, fields);
    else log.note(who, `${text ?? ""} ${shown(fields as Fields)}`.trim());
  };
  return { info: write, warn: write, error: write };
}

const silent: Write = () => undefined;

function shown(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : textOf(value)}`)
    .join(" ");
}

function textOf(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" && value !== null
    ? JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner))
    : String(value);
}
