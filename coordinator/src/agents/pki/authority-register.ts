import type { Rotation, RotationCoordinator, RotationNode, RotationPhase } from "../../domain/authority/rotation.ts";
import type { WrappedKey } from "../../domain/sealed-text.ts";

/** An authority as coordinators share it: its key is sealed by the master key. */
export type StoredAuthority = {
  /** SHA-256 of the certificate (DER), hex. */
  readonly id: string;
  readonly certificatePem: string;
  /** The key, PKCS #8 in DER. */
  readonly key: WrappedKey;
  readonly createdAtMs: number;
};

/** An authority that is trusted no more; its key is gone. */
export type RetiredAuthority = { readonly id: string; readonly certificatePem: string; readonly retiredAtMs: number };

/** The authorities of a fleet, as they were committed at one moment. */
export type StoredAuthorities = {
  readonly rotation: Rotation;
  /** Those of the rotation, which are trusted: one, or two while one takes the place of the other. */
  readonly trusted: readonly StoredAuthority[];
  /** The newest ones first, at most eight. */
  readonly retired: readonly RetiredAuthority[];
};

/** What a node has said of whom it trusts. */
export type TrustReport = { readonly nodeId: string; readonly trusted: readonly string[]; readonly issuer: string };

/** Where the first authority of a fleet is noted. */
export interface FirstAuthority {
  /** Notes it unless there is one; answers what stands there afterwards. */
  adopt(authority: StoredAuthority): Promise<StoredAuthorities>;
}

/** What coordinators of one database agree on about the fleet's authority. Everything rejects when the database is away. */
export interface AuthorityRegister {
  /** Null before the first coordinator has served agents. */
  load(): Promise<StoredAuthorities | null>;
  /** Begins the next phase, where the rotation is still at this revision; with "steady" the old authority's key is deleted. */
  advance(revision: number, to: Exclude<RotationPhase, "trusting">, nowMs: number): Promise<void>;
  /** A coordinator serves by this revision. Those that were not seen since `forgetBeforeMs` are forgotten. */
  noteCoordinator(name: string, revision: number, nowMs: number, forgetBeforeMs: number): Promise<void>;
  /** A coordinator ends in order: nothing waits for it any more. */
  forgetCoordinator(name: string): Promise<void>;
  coordinators(): Promise<readonly RotationCoordinator[]>;
  /** Every node that is enrolled and not revoked. */
  nodes(): Promise<readonly RotationNode[]>;
  /** Stores what nodes have said, at most 1,000 at once; of nodes that are gone nothing. */
  noteReports(reports: readonly TrustReport[], nowMs: number): Promise<void>;
}
