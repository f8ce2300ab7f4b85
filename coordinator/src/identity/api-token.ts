import { randomBytes } from "node:crypto";
import { tokenHash } from "./token-hash.ts";

/** By which people and scanners know what it is. */
const MARK = "lormas_";
/** Of the secret that is kept to tell tokens by: the mark and 30 bits, which leaves 226 that nobody knows. */
const PREFIX_LENGTH = MARK.length + 5;

/** A new bearer token, with what is kept of it. */
export function newApiToken(): { readonly secret: string; readonly hash: string; readonly prefix: string } {
  const secret = `${MARK}${randomBytes(32).toString("base64url")}`;
  return { secret, hash: tokenHash(secret), prefix: secret.slice(0, PREFIX_LENGTH) };
}
