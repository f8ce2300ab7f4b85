import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { Flow } from "./oidc-client.ts";

/** Where a flow is kept until the browser comes back. */
export const FLOW_COOKIE = "lormas.oidc";
/** Within which a browser must come back, seconds. */
export const FLOW_SECONDS = 10 * 60;

const COOKIE = new RegExp(`(?:^|;\\s*)${FLOW_COOKIE.replace(".", "\\.")}=([A-Za-z0-9_-]{1,4096})(?:;|$)`);
const IV_BYTES = 12;
const TAG_BYTES = 16;
const PATH = "/api/auth/callback";

/**
 * Keeps flows in cookies that only this coordinator can read and make (AES-256-GCM), so that sign-ins which nobody finishes take
 * no room, and one that was begun in another browser is none.
 */
export class FlowCookie {
  readonly #key: Buffer;
  readonly #attributes: string;

  /** @param secret from which the key is derived */
  constructor(secret: string, secure: boolean) {
    this.#key = Buffer.from(hkdfSync("sha256", secret, "", "lormas oidc flow", 32));
    this.#attributes = `Path=${PATH}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
  }

  /** A Set-Cookie header that keeps the flow. */
  keep(flow: Flow): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv);
    const sealed = Buffer.concat([cipher.update(JSON.stringify(flow), "utf8"), cipher.final()]);
    const value = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
    return `${FLOW_COOKIE}=${value}; Max-Age=${FLOW_SECONDS}; ${this.#attributes}`;
  }

  /** A Set-Cookie header that forgets it. */
  forget(): string {
    return `${FLOW_COOKIE}=; Max-Age=0; ${this.#attributes}`;
  }

  /** The flow of a Cookie header; null when there is none, or one that was not made here. */
  read(header: string | undefined): Flow | null {
    const bytes = Buffer.from(COOKIE.exec(header ?? "")?.[1] ?? "", "base64url");
    if (bytes.length <= IV_BYTES + TAG_BYTES) return null;
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, IV_BYTES));
      decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
      return JSON.parse(text.toString("utf8")) as Flow;
    } catch {
      return null;
    }
  }
}
