import { chmodSync, mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The paths below one data dir. The supervisor makes them; the coordinator and the agents fill their own. */
export class DataDir {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  get adminToken(): string {
    return join(this.path, "admin.token");
  }
  get coordinatorRecord(): string {
    return join(this.path, "run", "coordinator.json");
  }
  get supervisorRecord(): string {
    return join(this.path, "run", "supervisor.json");
  }
  get lock(): string {
    return join(this.path, "run", "supervisor.lock");
  }
  get socket(): string {
    return join(this.path, "run", "supervisor.sock");
  }
  node(name: string): string {
    return join(this.path, "nodes", name);
  }
  log(name: string): string {
    return join(this.path, "logs", `${name}.log`);
  }

  /** Makes the directories, 0700 whatever the umask, and resolves symlinks so that one data dir has one lock. */
  static prepare(path: string): DataDir {
    for (const part of ["", "run", "logs", "nodes"]) {
      const directory = join(path, part);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      chmodSync(directory, 0o700);
    }
    return new DataDir(realpathSync(path));
  }
}

/** Writes JSON so that a reader sees the old or the new, never half of it. */
export function writeJsonFile(path: string, value: unknown): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Reads JSON; undefined when there is no such file or it does not parse. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
