/** Why a node was chosen, or none; stored with every placement and shown to people. */
export type PlacementDecision = {
  readonly candidates: readonly PlacementCandidate[];
  readonly chosenNodeId: string | null;
  readonly summary: string;
};

export type PlacementFilter =
  | "unhealthy"
  | "revoked"
  | "cordoned"
  | "excluded"
  | "other_cluster"
  | "not_requested"
  | "runtime"
  | "architecture"
  | "constraint"
  | "unguarded"
  | "clock"
  | "data_elsewhere"
  | "cpu"
  | "memory"
  | "disk"
  | "port"
  | "busy";

export type PlacementCandidate = {
  readonly nodeId: string;
  readonly nodeName: string;
  /** The first filter that dropped it; null when it was eligible. */
  readonly droppedBy: PlacementFilter | null;
  /** For people: what was asked and what there was. */
  readonly reason: string;
  /** Higher is better; 0 when dropped. */
  readonly score: number;
  readonly scoreTerms: Readonly<Record<string, number>>;
};
