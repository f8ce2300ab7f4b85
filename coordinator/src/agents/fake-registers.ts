import type { JoinTokenRegister, JoinTokenState, NewJoinToken } from "./join-token-register.ts";
import type { NodeRegister, RegisteredNode } from "./node-register.ts";

/** Join tokens in memory. */
export class FakeJoinTokens implements JoinTokenRegister {
  readonly #tokens = new Map<string, NewJoinToken>();
  readonly #used = new Map<string, string>();

  async create(token: NewJoinToken): Promise<void> {
    this.#tokens.set(token.secretHash, token);
  }

  async find(secretHash: string, nowMs: number): Promise<JoinTokenState> {
    const token = this.#tokens.get(secretHash);
    if (token === undefined) return { kind: "unknown" };
    const nodeId = this.#used.get(secretHash);
    const ended = nowMs >= token.expiresAtMs;
    const { clusterId, needsApproval = false } = token;
    if (nodeId !== undefined) return { kind: "used", nodeId: ended ? null : nodeId, needsApproval };
    return ended ? { kind: "expired" } : { kind: "usable", clusterId, needsApproval };
  }

  /** What Operations.enrolNode does in its transaction; false when it was used before. */
  consume(secretHash: string, nodeId: string): boolean {
    if (!this.#tokens.has(secretHash) || this.#used.has(secretHash)) return false;
    this.#used.set(secretHash, nodeId);
    return true;
  }
}

/** Nodes in memory; `failing` makes every look-up reject, as a database that does not answer. */
export class FakeNodes implements NodeRegister {
  readonly nodes = new Map<string, RegisteredNode>();
  readonly serials = new Map<string, string>();
  failing = false;
  finds = 0;

  async find(nodeId: string): Promise<RegisteredNode | null> {
    this.finds += 1;
    this.#answer();
    return this.nodes.get(nodeId) ?? null;
  }

  async refusedAmong(nodeIds: readonly string[]): Promise<string[]> {
    this.#answer();
    return nodeIds.filter((id) => this.nodes.get(id)?.revoked !== false);
  }

  async recordCertificate(nodeId: string, serial: string): Promise<void> {
    this.#answer();
    this.serials.set(nodeId, serial);
  }

  revoke(nodeId: string): void {
    const node = this.nodes.get(nodeId);
    if (node !== undefined) this.nodes.set(nodeId, { ...node, revoked: true });
  }

  #answer(): void {
    if (this.failing) throw new Error("the database does not answer");
  }
}
