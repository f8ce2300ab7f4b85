import type { LabelChange } from "../domain/node/node-labels.ts";

/** What was granted, and what the one who asked should know nevertheless. */
export type Granted = {
  /** What it costs in N+1; names things of the whole fleet. */
  readonly warnings: readonly string[];
  /** What is to be said of the thing itself that the wish was about. */
  readonly notes?: readonly string[];
};

export type NodeChange = {
  /** From now on placement prefers the node with the lower number, 0 to NODE_PRIORITY_MAX. */
  readonly priority?: number | undefined;
  readonly labels?: LabelChange;
  /** Unique. Its agent goes on under the old one in its own log and in the names of its containers on the engine. */
  readonly name?: string | undefined;
  /** Only of a node that is dead, or has never served, and holds nothing; see node-change.ts. */
  readonly clusterId?: string | undefined;
  /** The node must still have this etag (etag.ts); absent or empty: whatever it is. */
  readonly etag?: string;
};

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
  /**
   * Changes what is given, all or nothing; nothing moves for it. Refusals: not_found, invalid_argument (too many labels),
   * etag_mismatch, n_plus_one_lost (labels that containers ask for), name_taken; of another cluster: unknown_cluster,
   * node_not_dead, node_holds_containers, busy (it votes somewhere).
   */
  update(nodeId: string, change: NodeChange, by: string): Promise<Granted>;
  /**
   * Its certificate is refused from now on, for good: its streams end, no lease of it is renewed, and nothing is placed on
   * it. Its HA containers move once its lease is over. Refusals: not_found; N+1 is no reason to keep whom one does not trust.
   */
  revoke(nodeId: string, by: string): Promise<void>;
  /**
   * Lets a node in that awaits approval; with a fingerprint only if its key has that one. Refusals: not_found,
   * not_awaiting_approval, invalid_argument (another key).
   */
  approve(nodeId: string, keyFingerprint: string, by: string): Promise<void>;
  /** Turns it away for good. Refusals: not_found, not_awaiting_approval. */
  deny(nodeId: string, by: string): Promise<void>;
  /** Takes it out of the fleet, see node-removal.ts. Refusals: not_found, node_not_dead, node_holds_containers. */
  remove(nodeId: string, by: string): Promise<void>;
  /** Takes an alert on; one that is acknowledged already stays so. Refusals: not_found (unknown, or resolved already). */
  acknowledgeAlert(alertId: string, by: string): Promise<void>;
}
