/** What was granted, and what the one who asked should know nevertheless. */
export type Granted = { readonly warnings: readonly string[] };

/**
 * What operators wish of nodes and alerts. Each method resolves once the wish is committed; it rejects with a
 * Refusal before anything has changed. `by` is recorded. Wishing what is already so is granted.
 */
export interface OperatorWishes {
  /** The node takes nothing new; a drain under way is called off. Refusals: not_found, n_plus_one_lost. */
  cordon(nodeId: string, by: string): Promise<Granted>;
  /** The node takes containers again; a drain or maintenance is over, and nothing is brought back. Refusals: not_found. */
  uncordon(nodeId: string, by: string): Promise<void>;
  /** Cordons and moves every HA container away, going on by itself until none is left. Refusals: as cordon. */
  drain(nodeId: string, by: string): Promise<Granted>;
  /**
   * Drains; then the node is in maintenance and its death is no alarm. At `untilMs` (wall clock; null: when somebody ends
   * it) it is in service again and, with `failback`, gets back what this maintenance moved away. Refusals: as cordon, and
   * invalid_argument when untilMs has passed.
   */
  startMaintenance(
    nodeId: string,
    wish: { readonly untilMs: number | null; readonly failback: boolean },
    by: string,
  ): Promise<Granted>;
  /** Ends it now, as its time would. Refusals: not_found, not_in_maintenance. */
  endMaintenance(nodeId: string, by: string): Promise<void>;
  /** Takes an alert on; one that is acknowledged already stays so. Refusals: not_found (unknown, or resolved already). */
  acknowledgeAlert(alertId: string, by: string): Promise<void>;
}
