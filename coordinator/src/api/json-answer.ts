import type { ServerResponse } from "node:http";
import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";

/** Answers with JSON that nobody may store. Does nothing when the answer has begun or the caller is gone. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.setHeader("cache-control", "no-store");
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Answers with an error of the closed set in the form of the REST front: `{"error": {code, message, …}}`. */
export function sendError(response: ServerResponse, status: number, code: ErrorCode, message: string): void {
  const { nextStep, retryAfterMs } = ERROR_CODES[code];
  if (retryAfterMs > 0 && !response.headersSent) {
    response.setHeader("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  }
  sendJson(response, status, {
    error: { code, message, field: "", nextStep, retryable: retryAfterMs > 0, retryAfterMs },
  });
}
