import type net from "node:net";

type Unreadable = {
  readonly status: string;
  readonly code: string;
  readonly message: string;
  readonly nextStep: string;
};

const TOO_LARGE: Unreadable = {
  status: "431 Request Header Fields Too Large",
  code: "headers_too_large",
  message: "the address and the headers of the request are larger than 16 KiB",
  nextStep: "Name things by their ids, leave out headers that nobody needs, and put what is long into the body.",
};
const TOO_SLOW: Unreadable = {
  status: "408 Request Timeout",
  code: "request_timeout",
  message: "the request did not arrive in time",
  nextStep: "Send it again, headers within 10 s and the whole within 30 s.",
};
const MALFORMED: Unreadable = {
  status: "400 Bad Request",
  code: "malformed_request",
  message: "this is no HTTP request",
  nextStep: "Look at what stands between: a proxy, or a client that speaks another protocol on this port.",
};

/**
 * Answers what HTTP/1.1's parser could not read, as far as anybody can still be answered, and closes the connection. The rest of
 * what the caller sends is not read, so a caller that is still sending may see a reset instead of the answer.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: net.Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, ...what } = reasonOf(error);
  const body = JSON.stringify({ error: { ...what, field: "", retryable: false, retryAfterMs: 0 } });
  const head = [
    `HTTP/1.1 ${status}`,
    "connection: close",
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
  ].join("\r\n");
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy());
}

function reasonOf({ code }: NodeJS.ErrnoException): Unreadable {
  if (code === "HPE_HEADER_OVERFLOW") return TOO_LARGE;
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? TOO_SLOW : MALFORMED;
}
