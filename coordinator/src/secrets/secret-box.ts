import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

// AES-256-GCM. What is sealed is bound to its context: moved elsewhere, it does not open.

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = "v1.";

/** Seals some bytes as one line of text. */
export function sealBytes(key: Buffer, plain: Buffer, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
}

/** Throws when the text was changed, or was sealed by another key or in another context. */
export function openBytes(key: Buffer, sealed: string, context: string): Buffer {
  const parts = Buffer.from(sealed.slice(VERSION.length), "base64url");
  if (!sealed.startsWith(VERSION) || parts.length < NONCE_BYTES + TAG_BYTES) throw new Error("is no sealed text");
  const nonce = parts.subarray(0, NONCE_BYTES);
  const tag = parts.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context)).setAuthTag(tag);
  return Buffer.concat([decipher.update(parts.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
