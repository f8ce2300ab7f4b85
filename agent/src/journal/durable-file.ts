import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file as one step: after it resolves the new content is on disk; before, the old one is whole. Mode 0600.
 */
export async function writeDurably(path: string, content: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
}

/** Makes names that were made or renamed in a folder last through a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
