/** What the agent plane must know of a node before it lets it speak. */
export type RegisteredNode = { readonly name: string; readonly revoked: boolean };

/** Where enrolled nodes are kept. Rejects when the database does not answer; the plane then answers UNAVAILABLE. */
export interface NodeRegister {
  /** The node, or null when none of this id is enrolled. */
  find(nodeId: string): Promise<RegisteredNode | null>;
  /** Those of the given nodes that may no longer speak: revoked, or gone. At most 10,000 ids a call. */
  refusedAmong(nodeIds: readonly string[]): Promise<string[]>;
  /** Notes the serial of the newest certificate, for people. */
  recordCertificate(nodeId: string, serial: string): Promise<void>;
}
