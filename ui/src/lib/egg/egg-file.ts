import { formatBytes } from "../format/quantity.ts";

/** The API takes no larger text. */
export const EGG_BYTES_MAX = 768 * 1024;

/** What is wrong with a file before it is read; empty: nothing. */
export function fileProblem({ name, size }: { readonly name: string; readonly size: number }): string {
  if (size === 0) return `${name} is empty. Choose the file that a panel wrote.`;
  if (size <= EGG_BYTES_MAX) return "";
  return `${name} has ${formatBytes(size)}; an egg has at most ${formatBytes(EGG_BYTES_MAX)}. Take its icon out if it has one.`;
}

/** The bytes as text; null when they are no UTF-8. */
export function fileText(bytes: ArrayBuffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
