/** What can be wrong. Stable names: programs and people's rules depend on them; docs/alerts.md says what each means. */
export const ALERT_KINDS = [
  "node_dead",
  "node_unguarded",
  "clock_rate",
  "container_failed",
  "migration_failed",
  "data_on_dead_node",
  "n_plus_one_lost",
  "automatic_migration_suspended",
  "ca_rotation_stalled",
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export type AlertSeverity = "warning" | "error";

/** What an alert is about. */
export type AlertSubject = { readonly kind: "node" | "container" | "cluster"; readonly id: string };

/** Something that is wrong from now on. */
export type AlertRaise = {
  readonly kind: AlertKind;
  readonly severity: AlertSeverity;
  readonly subject: AlertSubject;
  /** Names the thing and the reason, one sentence. */
  readonly message: string;
  /** What a person can do about it. */
  readonly nextStep: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /**
   * True for what has happened and is over, which no later event ends: it is resolved when a person acknowledges it, if
   * nothing else has ended it before.
   */
  readonly endsWhenAcknowledged?: boolean;
};

export type AlertState = "open" | "acknowledged" | "resolved";

/** One thing that was or is wrong, from when it was noticed until it ended. Times are wall clock, ms. */
export type AlertRecord = {
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: AlertSeverity;
  readonly subject: AlertSubject;
  readonly message: string;
  readonly nextStep: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly endsWhenAcknowledged: boolean;
  readonly state: AlertState;
  readonly openedAt: number;
  /** When it was last said to be wrong. */
  readonly raisedAt: number;
  readonly acknowledgedAt: number | null;
  readonly acknowledgedBy: string;
  readonly resolvedAt: number | null;
  /** How often it was said while it was not resolved. */
  readonly count: number;
};

/** What receivers are told of. */
export type AlertTransition = "opened" | "acknowledged" | "resolved";

/** The alert after it was raised: a new one under `id`, or the unresolved one once more, with the newest words. */
export function raisedAlert(
  unresolved: AlertRecord | undefined,
  raise: AlertRaise,
  at: number,
  id: string,
): AlertRecord {
  const { kind, subject, severity, message, nextStep, data = {}, endsWhenAcknowledged = false } = raise;
  const said = { severity, message, nextStep, data, endsWhenAcknowledged, raisedAt: at };
  if (unresolved) return { ...unresolved, ...said, count: unresolved.count + 1 };
  return {
    id,
    kind,
    subject,
    ...said,
    state: "open",
    openedAt: at,
    acknowledgedAt: null,
    acknowledgedBy: "",
    resolvedAt: null,
    count: 1,
  };
}

/** The alert after somebody took it on. Once acknowledged or resolved, it stays as it is. */
export function acknowledgedAlert(alert: AlertRecord, by: string, at: number): AlertRecord {
  if (alert.state !== "open") return alert;
  return { ...alert, state: "acknowledged", acknowledgedAt: at, acknowledgedBy: by };
}

/** The alert after what was wrong has ended. */
export function resolvedAlert(alert: AlertRecord, at: number): AlertRecord {
  return alert.state === "resolved" ? alert : { ...alert, state: "resolved", resolvedAt: at };
}

/** Under this key one unresolved alert exists at most. */
export const alertKey = (kind: AlertKind, subjectId: string): string => `${kind}/${subjectId}`;
