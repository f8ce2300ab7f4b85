import { posix } from "node:path";
import type Docker from "dockerode";
import { CONFIG_BYTES_MAX } from "../../config-files/apply-config.ts";
import type { VolumeFiles } from "../../config-files/volume-files.ts";
import { RuntimeFault } from "../container-runtime.ts";
import { engineStatus } from "./docker-fault.ts";
import { type FirstEntry, firstTarEntry, TooLong, tarOfFile } from "./tar-file.ts";

const CALL_MS = 10_000;
/** Bits of Go's file modes, as the engine tells them. */
const GO_FOLDER = 2 ** 31;
const GO_SYMLINK = 2 ** 27;
/** Devices, pipes, sockets and what is none of all. */
const GO_SPECIAL = [2 ** 26, 2 ** 25, 2 ** 24, 2 ** 21, 2 ** 19];

export type ArchiveParts = {
  readonly call: <T>(what: string, withinMs: number, act: () => Promise<T>) => Promise<T>;
  readonly containerName: string;
};

/**
 * The files of a volume by the engine's archive calls, through a container that was created with the volume at `root` and does not
 * run; see VolumeFiles. The engine says of each step what it is without following it.
 */
export class ArchiveFiles implements VolumeFiles {
  readonly #container: Docker.Container;
  readonly #root: string;
  readonly #parts: ArchiveParts;

  constructor(container: Docker.Container, root: string, parts: ArchiveParts) {
    this.#container = container;
    this.#root = root;
    this.#parts = parts;
  }

  async read(steps: readonly string[], bytesMax: number): Promise<Uint8Array | null> {
    const { missingFrom } = await this.#walk(steps);
    if (missingFrom !== null) return null;
    return (await this.#entry(steps, bytesMax)).content;
  }

  async write(steps: readonly string[], content: Uint8Array): Promise<void> {
    const { missingFrom } = await this.#walk(steps);
    // Folders that are there are not named in the archive, which would change them.
    const kept = steps.slice(0, missingFrom ?? steps.length - 1);
    const name = steps.slice(kept.length).join("/");
    const like = missingFrom === null ? await this.#entry(steps, CONFIG_BYTES_MAX) : await this.#entry(kept, 0);
    const { uid, gid } = like;
    if (Buffer.byteLength(name) > 100) throw this.#fault(steps, "has a name of more than 100 bytes");
    const archive = tarOfFile({ name, mode: missingFrom === null ? like.mode : 0o644, uid, gid }, content);
    const path = posix.join(this.#root, ...kept);
    await this.#parts.call(`file ${name}`, CALL_MS, () => this.#container.putArchive(archive, { path }));
  }

  /** The number of the first step that is not there; null: all are. */
  async #walk(steps: readonly string[]): Promise<{ readonly missingFrom: number | null }> {
    for (const [index] of steps.entries()) {
      const mode = await this.#modeOf(steps.slice(0, index + 1));
      if (mode === null) return { missingFrom: index };
      const isLast = index === steps.length - 1;
      const here = steps.slice(0, index + 1).join("/");
      if (hasBit(mode, GO_SYMLINK)) throw this.#fault(steps, `is reached by the symbolic link "${here}"`);
      const isFolder = hasBit(mode, GO_FOLDER);
      const isFile = !isFolder && GO_SPECIAL.every((bit) => !hasBit(mode, bit));
      if (isLast ? !isFile : !isFolder) {
        throw this.#fault(steps, `cannot be: "${here}" is no ${isLast ? "file" : "folder"}`);
      }
    }
    return { missingFrom: null };
  }

  /** Null when there is nothing. */
  async #modeOf(steps: readonly string[]): Promise<number | null> {
    const path = posix.join(this.#root, ...steps);
    try {
      const answer = await this.#parts.call(`file ${path}`, CALL_MS, () => this.#container.infoArchive({ path }));
      const header = (answer as { headers?: Record<string, unknown> }).headers?.["x-docker-container-path-stat"];
      const stat: unknown = JSON.parse(Buffer.from(String(header), "base64").toString("utf8"));
      const mode = (stat as { mode?: unknown }).mode;
      if (typeof mode === "number") return mode;
      throw this.#fault(steps, "cannot be looked at: the engine does not say what it is");
    } catch (error) {
      if (error instanceof RuntimeFault && engineStatus(error.cause) === 404) return null;
      throw error;
    }
  }

  /** The file or folder itself, with content if it is a file. */
  async #entry(steps: readonly string[], bytesMax: number): Promise<FirstEntry> {
    const path = posix.join(this.#root, ...steps);
    const stream = await this.#parts.call(`file ${path}`, CALL_MS, () => this.#container.getArchive({ path }));
    // dockerode gives node's IncomingMessage under a narrower type. Of a folder only the first entry is read.
    const source = stream as unknown as AsyncIterable<Uint8Array> & { destroy(): void };
    try {
      const entry = await this.#parts.call(`file ${path}`, CALL_MS, () => firstTarEntry(source, bytesMax));
      if (entry === null) throw this.#fault(steps, "cannot be read: the engine gives nothing");
      return entry;
    } catch (error) {
      const cause = error instanceof RuntimeFault ? error.cause : error;
      if (cause instanceof TooLong) throw this.#fault(steps, `has ${cause.sizeBytes} bytes; at most ${bytesMax}`);
      throw error;
    } finally {
      source.destroy();
    }
  }

  #fault(steps: readonly string[], reason: string): RuntimeFault {
    const what = `container ${this.#parts.containerName}: the configuration file "${steps.join("/")}"`;
    return new RuntimeFault("config_failed", `${what} ${reason}; mend it in the volume, or config.files of its egg`);
  }
}

function hasBit(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}
