import { createHash } from "node:crypto";

/**
 * A UUID (version 8) made from names, so that what an actor only numbers (its commands, its migrations) has the same
 * identity whenever the decision is replayed.
 */
export function deterministicId(...names: readonly (string | number)[]): string {
  const digest = createHash("sha256").update(names.join("/")).digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x80;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

export const commandId = (containerId: string, ordinal: number): string =>
  deterministicId(containerId, "command", ordinal);
export const migrationId = (containerId: string, ordinal: number): string =>
  deterministicId(containerId, "migration", ordinal);
