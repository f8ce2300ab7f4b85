/** What the agent plane counts since its start; every name is a metric. */
export const PLANE_COUNTERS = [
  "connections_accepted",
  "connections_refused_per_address",
  "connections_refused_total",
  "connections_refused_per_node",
  "connections_refused_unidentified",
  "handshakes_failed",
  "handshakes_foreign_certificate",
  "calls_without_certificate",
  "calls_with_foreign_certificate",
  "calls_with_ended_certificate",
  "calls_of_unknown_node",
  "calls_of_revoked_node",
  "enrolments",
  "enrolments_rate_limited",
  "enrolments_token_unknown",
  "enrolments_token_used",
  "enrolments_token_expired",
  "enrolments_refused",
  "certificates_renewed",
  "messages_invalid",
  "protocol_violations",
  "streams_replaced",
  "streams_disconnected",
  "streams_unavailable",
  "streams_slow",
  "first_message_timeouts",
  "heartbeats_acked",
  "heartbeats_unacked",
  "commands_sent",
  "commands_unsent",
  "results_stored",
  "log_readings_opened",
  "log_lines",
  "handler_errors",
] as const;

export type PlaneCounterName = (typeof PLANE_COUNTERS)[number];

/** Counts by name; a plain object in `values`, so that an exporter can read it at any time. */
export class PlaneCounters {
  readonly values: Record<PlaneCounterName, number>;

  constructor() {
    // fromEntries forgets the keys' type; every name is there because the list is the type's source.
    this.values = Object.fromEntries(PLANE_COUNTERS.map((name) => [name, 0])) as Record<PlaneCounterName, number>;
  }

  add(name: PlaneCounterName, count = 1): void {
    this.values[name] += count;
  }
}
