import { NODE_MACHINE_VERSION } from "./node-machine.ts";

export type StoredNode = { readonly value: unknown; readonly context: unknown };

/** Takes up a stored snapshot, also one of version 1, which knows nothing of flaps; null when the version is not known. */
export function nodeSnapshotOf(version: number, stored: StoredNode): StoredNode | null {
  if (version === NODE_MACHINE_VERSION) return stored;
  return version === 1 ? { value: stored.value, context: { flaps: [], ...(stored.context as object) } } : null;
}
