import { constants } from "node:fs";
import { chmod, chown, type FileHandle, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeFiles } from "../../config-files/volume-files.ts";
import { RuntimeFault } from "../container-runtime.ts";

/** The file that is written before it takes the place of the one that is meant. */
const FRESH_FILE = ".lormas-config";

/** The files of a volume that is a folder of this host; see VolumeFiles. No process of the container runs. */
export class FolderFiles implements VolumeFiles {
  readonly #root: string;
  readonly #containerName: string;

  constructor(root: string, containerName: string) {
    this.#root = root;
    this.#containerName = containerName;
  }

  async read(steps: readonly string[], bytesMax: number): Promise<Uint8Array | null> {
    const { missingFrom } = await this.#walk(steps);
    if (missingFrom !== null) return null;
    let file: FileHandle | null = null;
    try {
      file = await open(join(this.#root, ...steps), constants.O_RDONLY | constants.O_NOFOLLOW);
      const { size } = await file.stat();
      if (size > bytesMax) throw this.#fault(steps, `has ${size} bytes; at most ${bytesMax}`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file?.close();
    }
  }

  async write(steps: readonly string[], content: Uint8Array): Promise<void> {
    const { missingFrom } = await this.#walk(steps);
    const parents = steps.slice(0, -1);
    let folder = this.#root;
    for (const [index, step] of parents.entries()) {
      const owner = await lstat(folder);
      folder = join(folder, step);
      if (missingFrom === null || index < missingFrom) continue;
      await mkdir(folder, { mode: 0o755 });
      await chown(folder, owner.uid, owner.gid);
    }
    const path = join(folder, steps.at(-1) ?? "");
    const like = missingFrom === null ? await lstat(path) : { ...(await lstat(folder)), mode: 0o644 };
    const fresh = join(folder, FRESH_FILE);
    await rm(fresh, { force: true });
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    const file = await open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await chown(fresh, like.uid, like.gid);
    await chmod(fresh, like.mode & 0o7777);
    await rename(fresh, path);
  }

  /** The number of the first step that is not there; null: all are. */
  async #walk(steps: readonly string[]): Promise<{ readonly missingFrom: number | null }> {
    for (const [index] of steps.entries()) {
      const path = join(this.#root, ...steps.slice(0, index + 1));
      const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw error;
      });
      if (found === null) return { missingFrom: index };
      const isLast = index === steps.length - 1;
      const here = steps.slice(0, index + 1).join("/");
      if (found.isSymbolicLink()) throw this.#fault(steps, `is reached by the symbolic link "${here}"`);
      if (isLast ? !found.isFile() : !found.isDirectory()) {
        throw this.#fault(steps, `cannot be: "${here}" is no ${isLast ? "file" : "folder"}`);
      }
    }
    return { missingFrom: null };
  }

  #fault(steps: readonly string[], reason: string): RuntimeFault {
    const what = `container ${this.#containerName}: the configuration file "${steps.join("/")}"`;
    return new RuntimeFault("config_failed", `${what} ${reason}; mend it in the volume, or config.files of its egg`);
  }
}
