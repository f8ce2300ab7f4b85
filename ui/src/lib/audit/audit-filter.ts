import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";

/** What of the trail is looked at, as it stands in the address: texts, empty for everything. */
export type AuditFilter = {
  readonly actor: string;
  readonly method: string;
  readonly object: string;
  readonly decision: string;
  /** A request's id. */
  readonly request: string;
  /** A span back from now ("1h", "7d"), or a moment as a form's control writes it ("2026-01-31T22:30", in local time). */
  readonly from: string;
  /** A moment, as in `from`. */
  readonly to: string;
};

/** Spans that a form offers. */
export const AUDIT_SPANS = [
  ["1h", "the last hour", 3_600_000],
  ["24h", "the last 24 hours", 86_400_000],
  ["7d", "the last 7 days", 604_800_000],
  ["30d", "the last 30 days", 2_592_000_000],
] as const;

const DECISIONS: readonly string[] = ["allowed", "denied"];

/** The filter of an address; what makes no sense there is left out. */
export function filterOfQuery(query: Pick<URLSearchParams, "get">): AuditFilter {
  const text = (name: string, lengthMax: number) => (query.get(name) ?? "").slice(0, lengthMax);
  const decision = text("decision", 16);
  return {
    actor: text("actor", 256),
    method: text("method", 128),
    object: text("object", 256),
    decision: DECISIONS.includes(decision) ? decision : "",
    request: text("request", 64),
    from: momentMs(text("from", 32), 0) === undefined ? "" : text("from", 32),
    to: momentMs(text("to", 32), 0) === undefined ? "" : text("to", 32),
  };
}

/** The filter as the API is asked: spans are counted back from `nowMs`. */
export function auditRequest(filter: AuditFilter, nowMs: number) {
  const { actor, method, object, decision, request } = filter;
  const from = stamp(filter.from, nowMs);
  const to = stamp(filter.to, nowMs);
  return { actor, method, object, decision, request, ...(from && { from }), ...(to && { to }) };
}

/** The filter as the query of the REST route, for an export. */
export function auditQuery(filter: AuditFilter, nowMs: number): string {
  const query = new URLSearchParams();
  for (const name of ["actor", "method", "object", "decision", "request"] as const) {
    if (filter[name] !== "") query.set(name, filter[name]);
  }
  for (const name of ["from", "to"] as const) {
    const ms = momentMs(filter[name], nowMs);
    if (ms !== undefined) query.set(name, new Date(ms).toISOString());
  }
  return query.toString();
}

/** True when everything is looked at. */
export function isWide(filter: AuditFilter): boolean {
  return Object.values(filter).every((value) => value === "");
}

/** A moment as a form's control writes it: local time to the minute. `offsetMinutes` is what UTC is ahead of it. */
export function localMoment(ms: number, offsetMinutes: number): string {
  return new Date(ms - offsetMinutes * 60_000).toISOString().slice(0, 16);
}

/** True when the filter names moments of its own, and no span that is offered. */
export function isCustomSpan({ from, to }: AuditFilter): boolean {
  return to !== "" || (from !== "" && !AUDIT_SPANS.some(([name]) => name === from));
}

function stamp(text: string, nowMs: number): Timestamp | undefined {
  const ms = momentMs(text, nowMs);
  return ms === undefined ? undefined : timestampFromMs(ms);
}

function momentMs(text: string, nowMs: number): number | undefined {
  const span = AUDIT_SPANS.find(([name]) => name === text);
  if (span !== undefined) return nowMs - span[2];
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
