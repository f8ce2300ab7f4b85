import type { Keyring } from "./keyring.ts";

/** What coordinators of one database agree on, so that each opens what another has sealed. */
export interface MasterKeyRegister {
  /** The master key that was agreed on; null before the first. */
  current(): Promise<string | null>;
  /**
   * Agrees on the primary key of this ring, and seals by it every container's key that another one sealed; answers how many. Throws
   * MasterKeyMismatchError, with nothing changed, when the ring lacks a key that is in use.
   */
  agree(keyring: Keyring, nowMs: number): Promise<number>;
}

/** Secrets of the database are sealed by keys that this coordinator does not have. */
export class MasterKeyMismatchError extends Error {
  readonly missing: readonly string[];

  constructor(missing: readonly string[]) {
    super(`the database's secrets are sealed by the master key ${missing.join(" and ")}`);
    this.name = "MasterKeyMismatchError";
    this.missing = missing;
  }
}
