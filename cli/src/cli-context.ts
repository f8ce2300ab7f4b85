import type { ApiClient } from "./client/api-client.ts";
import type { AccessFlags } from "./client/coordinator-access.ts";
import type { Clock } from "./clock.ts";
import type { DataDir } from "./up/data-dir.ts";

/** What commands get from main.ts. */
export interface CliContext {
  readonly clock: Clock;
  readonly env: NodeJS.ProcessEnv;
  /** The root of the clone that this CLI belongs to. */
  readonly repository: string;
  readonly version: string;
  /** Writes to stdout; a line without its end. */
  readonly print: (line: string) => void;
  /** Writes to stderr; a line without its end. */
  readonly warn: (line: string) => void;
  /** Columns of the terminal on stdout; undefined when stdout is not a terminal. */
  readonly columns: () => number | undefined;
  readonly randomHex: (bytes: number) => string;
  readonly dataDir: (flags: AccessFlags) => DataDir;
  /** Finds the coordinator; a CliFailure when none is known. */
  readonly api: (flags: AccessFlags) => ApiClient;
}
