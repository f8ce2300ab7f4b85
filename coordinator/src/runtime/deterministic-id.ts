import { hash } from "node:crypto";

/**
 * A UUID (version 8) made from names, so that what an actor only numbers (its commands, its migrations) has the same
 * identity whenever the decision is replayed.
 */
export function deterministicId(...names: readonly (string | number)[]): string {
  const hex = hash("sha256", names.join("/"), "hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const commandId = (containerId: string, ordinal: number): string =>
  deterministicId(containerId, "command", ordinal);
export const migrationId = (containerId: string, ordinal: number): string =>
  deterministicId(containerId, "migration", ordinal);
