import { Refusal } from "../../domain/refusal.ts";
import { isPlain } from "./lookup.ts";

/** Entries of a page when the caller does not say. */
export const PAGE_SIZE_DEFAULT = 100;
/** The most entries of a page. */
export const PAGE_SIZE_MAX = 1_000;

/** Which part of a list is asked for. */
export type PageRequest = { readonly pageSize: number; readonly pageToken: string };

/** A part of a list and the token of the next part; empty on the last. */
export type Page<T> = { readonly rows: readonly T[]; readonly nextPageToken: string };

/** How many entries to read: 0 means 100; never above 1,000. */
export function pageSize(request: PageRequest): number {
  return Math.min(request.pageSize === 0 ? PAGE_SIZE_DEFAULT : request.pageSize, PAGE_SIZE_MAX);
}

/**
 * Makes a page of up to `size` rows out of up to `size + 1` that were read. The token holds the last row's sort key, so
 * that rows which come or go between two pages neither repeat nor hide others.
 */
export function toPage<T>(
  list: string,
  read: readonly T[],
  size: number,
  keyOf: (row: T) => readonly string[],
): Page<T> {
  const rows = read.slice(0, size);
  const last = rows.at(-1);
  if (read.length <= size || last === undefined) return { rows, nextPageToken: "" };
  return { rows, nextPageToken: Buffer.from(JSON.stringify([list, ...keyOf(last)])).toString("base64url") };
}

/** The sort key after which the page starts; null for the first page. Refuses a token that this list did not give. */
export function pageStart(list: string, token: string, keyLength: number): readonly string[] | null {
  if (token === "") return null;
  const key = decode(token);
  if (key === null || key[0] !== list || key.length !== keyLength + 1) throw foreignPageToken();
  return key.slice(1);
}

/** The refusal of a page token that the list did not give. */
export function foreignPageToken(): Refusal {
  return new Refusal(
    "invalid_argument",
    "The page token is not one that this list gave.",
    "Use next_page_token of the last answer unchanged, or leave it empty to start again.",
    { field: "page_token" },
  );
}

function decode(token: string): string[] | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    const isKey = (part: unknown): part is string => typeof part === "string" && isPlain(part);
    return Array.isArray(value) && value.every(isKey) ? value : null;
  } catch {
    return null;
  }
}
