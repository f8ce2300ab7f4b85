/** What a join token carries: a secret that is good for one enrolment, and the digest that says which CA to trust. */
export type JoinToken = { readonly secret: string; readonly caDigestHex: string };

/** Reads `lormas1.<secret>.<sha256 of the CA certificate, hex>`; null when the text is anything else. */
export function parseJoinToken(text: string): JoinToken | null {
  const match = /^lormas1\.([A-Za-z0-9_-]{16,256})\.([0-9a-f]{64})$/.exec(text.trim());
  return match?.[1] && match[2] ? { secret: match[1], caDigestHex: match[2] } : null;
}
