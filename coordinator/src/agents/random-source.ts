/** Chance, injected so that tests can fix it. Production: node:crypto. */
export interface RandomSource {
  /** Cryptographically strong random bytes. */
  bytes(count: number): Uint8Array;
  /** A random UUID (version 4). */
  uuid(): string;
}
