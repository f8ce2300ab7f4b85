import { type ApiError, toApiError } from "../api/api-error.ts";
import type { Result } from "../api/session.ts";

/** A tab holds no larger file on its way to the disk; what is larger is for the command line. */
export const EXPORT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * The entries that fit as NDJSON, oldest first; or why there are none: it was refused, broke off, or is larger than `bytesMax`. A part
 * is never taken for the whole. Never rejects.
 */
export async function readAuditExport(
  query: string,
  signal: AbortSignal,
  fetchFn: typeof fetch = fetch,
  bytesMax = EXPORT_BYTES_MAX,
): Promise<Result<Blob>> {
  try {
    const response = await fetchFn(`/api/v1/audit?${query}`, { headers: { accept: "application/x-ndjson" }, signal });
    if (!response.ok || response.body === null) return { ok: false, error: await refusalOf(response) };
    const chunks: BlobPart[] = [];
    let bytes = 0;
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { ok: true, value: new Blob(chunks, { type: "application/x-ndjson" }) };
      bytes += value.byteLength;
      if (bytes > bytesMax) {
        await reader.cancel();
        return { ok: false, error: tooLarge };
      }
      chunks.push(value);
    }
  } catch (cause) {
    return { ok: false, error: toApiError(cause) };
  }
}

const tooLarge: ApiError = {
  code: "too_large",
  message: "More entries fit than a tab can hold.",
  field: "",
  nextStep: "Narrow the filter, or use the command line: npx lormas audit export --since 30d -f audit.ndjson",
  retryable: false,
};

async function refusalOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const text = (name: string): string => {
    const value = typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined;
    return typeof value === "string" ? value : "";
  };
  return {
    code: text("code") || `http_${response.status}`,
    message: text("message") || `The coordinator answered with status ${response.status}.`,
    field: text("field"),
    nextStep: text("nextStep") || "Try again; if it stays so, look at the coordinator's log.",
    retryable: response.status >= 500,
  };
}
