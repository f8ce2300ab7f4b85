import { createHash } from "node:crypto";
import type { RandomSource } from "./random-source.ts";

/** How long a join token can be used. */
export const JOIN_TOKEN_LIFE_MS = 600_000;

const PREFIX = "lormas1";
const SECRET_BYTES = 32;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** A one-time way into a cluster: the secret to claim it, and the CA that the claimant must see before it speaks. */
export type JoinToken = {
  readonly secret: string;
  /** SHA-256 of the CA certificate's DER, hex. */
  readonly caDigestHex: string;
};

/** A fresh token with a secret of 32 random bytes. */
export function makeJoinToken(random: RandomSource, caDigestHex: string): JoinToken {
  return { secret: Buffer.from(random.bytes(SECRET_BYTES)).toString("base64url"), caDigestHex };
}

/** The text that a person hands to an agent: `lormas1.<secret>.<ca digest>`. */
export function formatJoinToken(token: JoinToken): string {
  return `${PREFIX}.${token.secret}.${token.caDigestHex}`;
}

/** The token in a text; null when it is none. */
export function parseJoinToken(text: string): JoinToken | null {
  const [prefix, secret, caDigestHex, ...rest] = text.trim().split(".");
  if (prefix !== PREFIX || secret === undefined || caDigestHex === undefined || rest.length > 0) return null;
  return SECRET.test(secret) && DIGEST.test(caDigestHex) ? { secret, caDigestHex } : null;
}

/** What is stored of a token: SHA-256 of the secret's text, hex. */
export function hashJoinSecret(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}
