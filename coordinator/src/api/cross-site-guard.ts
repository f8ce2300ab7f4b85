import type { IncomingMessage } from "node:http";

/**
 * Why a request must not be served because a page of another site may have caused it; null when it is fine. A browser
 * adds cookies to such requests by itself, so every unsafe one without a bearer token must show where it comes from, or
 * come from something that is no browser and says nothing of the kind.
 */
export function crossSiteProblem(request: Pick<IncomingMessage, "method" | "headers">): string | null {
  const { method = "GET", headers } = request;
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return null;
  // No browser sends this header across sites without a preflight, which nothing here grants.
  if (headers.authorization !== undefined) return null;
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return `The request comes from a page of another site (sec-fetch-site: ${String(site).slice(0, 32)}).`;
  }
  const { origin } = headers;
  if (origin === undefined || hostOf(origin) === (headers.host ?? "").toLowerCase()) return null;
  return `The request comes from a page of ${origin.slice(0, 256)}, not of this address.`;
}

/** The host of an origin as a Host header names it; empty for "null" and what is no origin. */
function hostOf(origin: string): string {
  return URL.parse(origin)?.host ?? "";
}
