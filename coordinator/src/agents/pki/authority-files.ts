import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
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
  const path = join(folder, name);
  const draft = await drafted(folder, name, text, mark);
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

/** Puts text at a path, in place of what may be there: whole at every moment, mode 0600, on the disk when this resolves. */
export async function putAlways(folder: string, name: string, text: string, mark: string): Promise<void> {
  await rename(await drafted(folder, name, text, mark), join(folder, name));
  await syncFolder(folder);
}

/** Writes a file beside the one that it is to become. */
async function drafted(folder: string, name: string, text: string, mark: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = join(folder, `.${name}.${mark}`);
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text, "utf8");
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
