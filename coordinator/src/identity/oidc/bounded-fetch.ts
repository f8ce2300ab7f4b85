import { ProviderProblem } from "./provider-problem.ts";

/** How long one answer of a provider may take, headers and body, milliseconds. */
export const PROVIDER_MS_MAX = 5_000;
/** Bytes of an answer that are read. */
export const PROVIDER_BYTES_MAX = 256 * 1024;

/**
 * Asks a provider for a JSON object. Redirects are not followed: a secret must not go where only an answer says. Rejects with a
 * ProviderProblem: provider_unreachable when nothing comes in time, provider_failed when what comes is something else.
 */
export async function fetchJson(url: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(PROVIDER_MS_MAX) });
    text = await limitedText(answer, url);
  } catch (cause) {
    if (cause instanceof ProviderProblem) throw cause;
    throw new ProviderProblem("provider_unreachable", `${url} does not answer: ${reasonOf(cause)}`, { cause });
  }
  if (answer.status >= 500) throw new ProviderProblem("provider_unreachable", `${url} answered ${answer.status}`);
  const body = objectOf(text);
  if (answer.status === 200 && body !== null) return body;
  const said = typeof body?.["error"] === "string" ? ` (${body["error"].slice(0, 64)})` : "";
  const what = answer.status === 200 ? "no JSON object" : `${answer.status}${said}`;
  throw new ProviderProblem("provider_failed", `${url} answered ${what}`);
}

async function limitedText(answer: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > PROVIDER_BYTES_MAX) {
      throw new ProviderProblem("provider_failed", `${url} answered more than ${PROVIDER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
