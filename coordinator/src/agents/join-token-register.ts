/** What is known of a join token whose hash was presented. */
export type JoinTokenState =
  | { readonly kind: "usable"; readonly clusterId: string; readonly needsApproval: boolean }
  /** By whom, while the token lives: that node may ask again for what it did not receive. Null afterwards. */
  | { readonly kind: "used"; readonly nodeId: string | null; readonly needsApproval: boolean }
  | { readonly kind: "unknown" | "expired" };

export type NewJoinToken = {
  readonly secretHash: string;
  readonly clusterId: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Who claims it waits until an operator lets it in. */
  readonly needsApproval?: boolean;
};

/** Where join tokens are kept, hashed. They are consumed elsewhere: by Operations.enrolNode, with the node's row. */
export interface JoinTokenRegister {
  /** Stores a token; resolves once committed. */
  create(token: NewJoinToken): Promise<void>;
  /** How a token stands at nowMs (wall clock). */
  find(secretHash: string, nowMs: number): Promise<JoinTokenState>;
}
