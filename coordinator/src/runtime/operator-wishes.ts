/**
 * What operators wish of nodes, clusters and alerts. Each method resolves once the wish is committed; it rejects with a
 * Refusal before anything has changed. `by` is recorded.
 */
export interface OperatorWishes {
  /** Takes an alert on; one that is acknowledged already stays so. Refusals: not_found (unknown, or resolved already). */
  acknowledgeAlert(alertId: string, by: string): Promise<void>;
}
