/** A node that has claimed a join token and is not let in before an operator has looked at its key. */
export type NodeApproval = {
  /** SHA-256 of its public key, as agents log it: "SHA256:" and base64. */
  readonly keyFingerprint: string;
  /** Wall clock, ms. */
  readonly askedAtMs: number;
  /** When it is turned away unless somebody has let it in; wall clock, ms. */
  readonly untilMs: number;
};

/** How long a node waits to be let in. */
export const APPROVAL_WAIT_MS = 86_400_000;

/** Nodes of the whole fleet that may wait at once. */
export const APPROVALS_WAITING_MAX = 64;

/** A digest as people compare it, as ssh writes it. */
export const keyFingerprint = (sha256Base64: string): string => `SHA256:${sha256Base64.replace(/=+$/, "")}`;
