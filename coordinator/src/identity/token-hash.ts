import { createHash } from "node:crypto";

/** SHA-256 of a bearer token, hex: all that is stored of it. Tokens have 256 random bits, so a plain digest is enough. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
