import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { badRequest, RestError } from "./rest-error.ts";

/**
 * Reads a request's body as text: at most bytesMax bytes, UTF-8, not compressed, declared as JSON when there is any.
 * Throws RestError 413, 415 or 400. After a 413 the rest of the body is not read: the answer must close the connection.
 */
export async function readJsonBody(request: IncomingMessage | Http2ServerRequest, bytesMax: number): Promise<string> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not `for await`: leaving such a loop early destroys the request, and with it the connection that must carry the 413.
  await new Promise<void>((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        request.pause();
        reject(tooLarge(bytesMax));
      } else chunks.push(chunk);
    });
    request.on("end", resolve);
    request.on("error", reject);
    request.on("close", () => reject(badRequest("the connection ended before the body did", "")));
  });
  if (bytes === 0) return "";
  refuseForeignType(request);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    // TextDecoder in fatal mode throws for this reason only.
    throw badRequest("the body is not valid UTF-8", "");
  }
}

function refuseForeignType(request: IncomingMessage | Http2ServerRequest): void {
  const type = request.headers["content-type"] ?? "";
  const encoding = request.headers["content-encoding"] ?? "identity";
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type.trim());
  if (isJson && encoding === "identity") return;
  const given = isJson ? `content-encoding "${encoding}"` : `content-type "${type}"`;
  throw new RestError(415, {
    code: "unsupported_media_type",
    message: `the body has ${given}, but only plain application/json is read`,
    nextStep: 'Send JSON with the header "content-type: application/json".',
  });
}

function tooLarge(bytesMax: number): RestError {
  return new RestError(
    413,
    {
      code: "body_too_large",
      message: `the body is larger than ${bytesMax} bytes`,
      nextStep: `Send at most ${bytesMax} bytes.`,
    },
    { connection: "close" },
  );
}
