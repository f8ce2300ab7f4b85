import type { IncomingMessage, ServerResponse } from "node:http";
import type { AuthUser } from "./auth-audit.ts";
import type { AuthRoute } from "./auth-route-table.ts";
import { PEER_HEADER } from "./auth-server.ts";

/** Bytes of a body that are read. */
export const BODY_BYTES_MAX = 16 * 1024;

/** What a request asks for with, or what better-auth answered. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a JSON object; null when it is something else, also when a byte-order mark is before it. */
export function fieldsOf(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/** A text field; empty when there is none. */
export function textOf(fields: Fields | null, name: string): string {
  const value = fields?.[name];
  return typeof value === "string" ? value : "";
}

/** Of what came the fields that the route takes, and no others; or the name of the one that is missing or something else. */
export function takenFields({ texts, flags }: AuthRoute, fields: Fields): Fields | string {
  const wrong =
    texts.find((name) => typeof fields[name] !== "string") ??
    flags.find((name) => fields[name] !== undefined && typeof fields[name] !== "boolean");
  return wrong ?? Object.fromEntries([...texts, ...flags].map((name) => [name, fields[name]]));
}

/** What better-auth refused, in its words. */
export function refusalOf(text: string): { readonly code: string; readonly message: string } {
  const fields = fieldsOf(text);
  return { code: textOf(fields, "code").toLowerCase() || "refused", message: textOf(fields, "message") };
}

/** Whom better-auth signed in. */
export function userOf(text: string): AuthUser {
  const user = fieldsOf(text)?.["user"];
  const { id, email } = typeof user === "object" && user !== null ? (user as Record<string, unknown>) : {};
  return { id: typeof id === "string" ? id : "", name: typeof email === "string" ? email : "" };
}

/** "http" or "https", as the request came. */
export function schemeOf(request: IncomingMessage): string {
  return (request.socket as { readonly encrypted?: boolean }).encrypted === true ? "https" : "http";
}

/** Headers that are better-auth's only as they are made here: of the connection, of the body, and who asks. */
const NOT_HANDED_ON = /^(:|x-forwarded-|connection$|transfer-encoding$|content-|cookie$)/;

/** The headers as better-auth takes them, with the peer's address, and with this Cookie header alone. */
export function toHeaders(request: IncomingMessage, cookie: string | null, address: string): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || NOT_HANDED_ON.test(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  headers.set(PEER_HEADER, address);
  if (cookie !== null) headers.set("cookie", cookie);
  return headers;
}

/** The request as better-auth takes it; `fields`: its body, if it is a POST. */
export function toRequest(request: IncomingMessage, path: string, headers: Headers, fields: Fields): Request {
  const host = request.headers.host ?? "localhost";
  const url = new URL(path, `${schemeOf(request)}://${host}`);
  if (request.method !== "POST") return new Request(url, { method: request.method ?? "GET", headers });
  headers.set("content-type", "application/json");
  return new Request(url, { method: "POST", headers, body: JSON.stringify(fields) });
}

/** The body; null when it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Hands on what better-auth answered. */
export function relay(response: ServerResponse, answer: Response, text: string): void {
  answer.headers.forEach((value, name) => {
    if (name !== "set-cookie" && name !== "content-length") response.setHeader(name, value);
  });
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  response.setHeader("cache-control", "no-store");
  response.writeHead(answer.status);
  response.end(text);
}

/** Answers in JSON: a code, and words for people. */
export function send(response: ServerResponse, status: number, code: string, message: string, retryAfterMs = 0): void {
  if (response.headersSent || response.destroyed) return;
  if (retryAfterMs > 0) response.setHeader("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  response.setHeader("cache-control", "no-store");
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify({ code, message, retryAfterMs }));
}
