import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Database } from "../store/open-database.ts";
import type { AuthServer } from "./auth-server.ts";
import { PEER_HEADER } from "./auth-server.ts";
import type { Authenticator } from "./authenticate.ts";
import type { SignInLimits } from "./sign-in-limits.ts";

/** What of better-auth is reachable; everything else of it is answered with 404. */
const ROUTES: ReadonlyMap<string, string> = new Map([
  ["/api/auth/sign-in/email", "POST"],
  ["/api/auth/sign-out", "POST"],
  ["/api/auth/get-session", "GET"],
  ["/api/auth/change-password", "POST"],
]);
const BODY_BYTES_MAX = 16 * 1024;

type AuthRoutesOptions = {
  readonly server: AuthServer;
  readonly limits: SignInLimits;
  readonly authenticator: Authenticator;
  readonly database: Database;
  readonly log: Logger;
};

/** Serves /api/auth/*: sign-in, sign-out, the session, a change of password. Never rejects. */
export class AuthRoutes {
  readonly #options: AuthRoutesOptions;

  constructor(options: AuthRoutesOptions) {
    this.#options = options;
  }

  async serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    try {
      await this.#serve(request, response);
    } catch (error) {
      this.#options.log.error({ requestId, err: error }, "identity failed");
      if (await this.#options.database.ping()) {
        send(response, 500, "internal", `The coordinator failed on request ${requestId}; the cause is in its log.`);
      } else {
        send(response, 503, "database_unavailable", "The database does not answer; try again.", 2_000);
      }
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const verb = ROUTES.get(path);
    if (verb === undefined) return send(response, 404, "unknown_path", "There is nothing at this path.");
    if (verb !== request.method) {
      response.setHeader("allow", verb);
      return send(response, 405, "method_not_allowed", `This path takes ${verb} only.`);
    }
    const body = await readBody(request);
    if (body === null) {
      response.setHeader("connection", "close");
      return send(response, 413, "body_too_large", `The body is larger than ${BODY_BYTES_MAX} bytes.`);
    }
    // A form of another site can send every other type without asking; and the limits below read JSON only.
    if (body.length > 0 && !/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
      return send(response, 415, "unsupported_media_type", "The body must be application/json.");
    }
    const address = request.socket.remoteAddress ?? "";
    const guesses = path.endsWith("/email") || path.endsWith("/change-password");
    const account = path.endsWith("/email") ? emailOf(body) : "";
    if (guesses) {
      const waitMs = await this.#options.limits.attempt(account === "" ? `change ${address}` : account, address);
      if (waitMs > 0) {
        const text = `Too many attempts; try again in ${Math.ceil(waitMs / 1_000)} s.`;
        return send(response, 429, "rate_limited", text, waitMs);
      }
    }
    const answer = await this.#options.server.auth.handler(toRequest(request, path, body, address));
    if (answer.status >= 500) throw new Error(`better-auth answered ${answer.status}: ${await answer.text()}`);
    if (path !== "/api/auth/get-session") this.#options.authenticator.forget();
    if (guesses && answer.ok) {
      await this.#options.limits.succeeded(account === "" ? `change ${address}` : account, address);
    }
    const text = await answer.text();
    answer.headers.forEach((value, name) => {
      if (name !== "set-cookie" && name !== "content-length") response.setHeader(name, value);
    });
    const cookies = answer.headers.getSetCookie();
    if (cookies.length > 0) response.setHeader("set-cookie", cookies);
    response.setHeader("cache-control", "no-store");
    response.writeHead(answer.status);
    response.end(text);
  }
}

function toRequest(request: IncomingMessage, path: string, body: Buffer, address: string): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name.startsWith(":") || name === "connection" || name.startsWith("x-forwarded-"))
      continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  headers.set(PEER_HEADER, address);
  const host = request.headers.host ?? "localhost";
  const withBody = request.method === "POST" ? { body: new Uint8Array(body) } : {};
  return new Request(new URL(path, `http://${host}`), { method: request.method ?? "GET", headers, ...withBody });
}

/** The body; null when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The account that a sign-in names; empty when the body names none, which better-auth refuses by itself. */
function emailOf(body: Buffer): string {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    if (typeof parsed === "object" && parsed !== null && "email" in parsed && typeof parsed.email === "string") {
      return parsed.email;
    }
  } catch {
    // Not JSON: better-auth answers with what is wrong.
  }
  return "";
}

function send(response: ServerResponse, status: number, code: string, message: string, retryAfterMs = 0): void {
  if (response.headersSent || response.destroyed) return;
  if (retryAfterMs > 0) response.setHeader("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  response.setHeader("cache-control", "no-store");
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify({ code, message, retryAfterMs }));
}
