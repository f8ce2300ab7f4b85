/** PostgreSQL's codes for "no connection", "shutting down", "starting up" and "too many connections". */
const SQL_STATES = new Set(["57P01", "57P02", "57P03", "53300", "25P03", "57P05"]);

/** Codes of the socket beneath. */
const SOCKET_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);

/** What the driver says where it gives no code. */
const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|Query read timeout|Connection ended unexpectedly)/;

/** Causes that are looked at, one below the other. */
const CAUSES_MAX = 8;

/**
 * True when an error means that the database could not be asked, as opposed to an answer that it gave. ENOENT counts only
 * for a connect (a Unix socket that is gone).
 */
export function isConnectionFailure(thrown: unknown): boolean {
  let error: unknown = thrown;
  for (let depth = 0; depth < CAUSES_MAX && typeof error === "object" && error !== null; depth += 1) {
    const { code, syscall, message, cause, errors } = error as {
      code?: unknown;
      syscall?: unknown;
      message?: unknown;
      cause?: unknown;
      errors?: unknown;
    };
    if (typeof code === "string") {
      if (SQL_STATES.has(code) || /^08[0-9A-Z]{3}$/.test(code)) return true;
      if (SOCKET_CODES.has(code) && (code !== "ENOENT" || syscall === "connect")) return true;
    }
    if (typeof message === "string" && MESSAGES.test(message)) return true;
    error = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return false;
}
