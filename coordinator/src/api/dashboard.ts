import { access } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pathToFileURL } from "node:url";

/** Serves the dashboard's pages and files. */
export type Dashboard = (request: IncomingMessage, response: ServerResponse) => void;

/** SvelteKit reads the scheme from this header; it is overwritten for every request. */
const PROTOCOL_HEADER = "x-lormas-proto";

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Lormas</title></head>
<body>
<h1>The dashboard is not built</h1>
<p>Run <code>npm run build:ui</code> in the project's folder and start the coordinator again.</p>
<p>Everything else works: see <a href="/openapi.json">the API</a>, or use the command line: <code>npx lormas node ls</code>.</p>
</body>
</html>
`;

/**
 * The built dashboard (ui/build/handler.js), or a page that says how to build it. `handlerPath` names the handler;
 * absent: the one of this source tree.
 */
export async function loadDashboard(handlerPath?: string): Promise<Dashboard> {
  const url =
    handlerPath === undefined ? new URL("../../../ui/build/handler.js", import.meta.url) : pathToFileURL(handlerPath);
  if (!(await exists(url))) return serveNotBuilt;
  // Read by the handler's module when it is loaded.
  process.env["PROTOCOL_HEADER"] = PROTOCOL_HEADER;
  const handler = handlerOf(await import(url.href));
  return (request, response) => {
    request.headers[PROTOCOL_HEADER] = isEncrypted(request) ? "https" : "http";
    handler(request, response, () => {
      if (response.headersSent) return;
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      response.end("There is nothing at this path.\n");
    });
  };
}

/** Whether a request came over TLS to this very port. */
export function isEncrypted({ socket }: Pick<IncomingMessage, "socket">): boolean {
  // Not asked with `in`: over HTTP/2 the socket is a stand-in that answers to names only.
  return (socket as { readonly encrypted?: unknown }).encrypted === true;
}

type NodeHandler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

function handlerOf(module: unknown): NodeHandler {
  if (typeof module === "object" && module !== null && "handler" in module && typeof module.handler === "function") {
    return module.handler as NodeHandler;
  }
  throw new Error("ui/build/handler.js has no handler: run npm run build:ui again");
}

async function exists(url: URL): Promise<boolean> {
  try {
    await access(url);
    return true;
  } catch {
    // Not there or not readable: both mean that there is no dashboard to serve.
    return false;
  }
}

const serveNotBuilt: Dashboard = (request, response) => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(404);
    response.end();
    return;
  }
  response.writeHead(503, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(NOT_BUILT),
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : NOT_BUILT);
};
