import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

/** The text of a file; null when there is none. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * Puts text at a path unless something is there already, and returns what stands there afterwards: of two processes
 * that try at once both see the winner's. The file has mode 0600 and is on the disk, whole, before it has its name.
 */
export async function putOnce(folder: string, name: string, text: string, mark: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const draft = join(folder, `.${name}.${mark}`);
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(folder);
  return await readFile(path, "utf8");
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
