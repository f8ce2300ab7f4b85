import { readFile } from "node:fs/promises";
import { writeDurably } from "../journal/durable-file.ts";

/** Where a port that was free is kept: peers have journalled it, and dial it when nobody can tell them another. */
export type KeptPort = {
  /** Null when none is kept, or what is kept is no port. */
  read(): Promise<number | null>;
  write(port: number): Promise<void>;
};

/** Keeps the port in a file. */
export function portFile(path: string): KeptPort {
  return {
    async read() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      const port = Number(/^(\d{1,5})\n$/.exec(text)?.[1] ?? "0");
      return port > 0 && port <= 65_535 ? port : null;
    },
    write: (port) => writeDurably(path, `${port}\n`),
  };
}
