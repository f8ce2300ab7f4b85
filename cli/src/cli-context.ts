import type { ApiClient } from "./client/api-client.ts";
import type { ContextStore } from "./client/context-store.ts";
import type { AccessFlags, CoordinatorAccess } from "./client/coordinator-access.ts";
import type { Clock } from "./clock.ts";
import type { Asker } from "./terminal/ask.ts";
import type { ColorWhen } from "./terminal/color.ts";
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
  /** Writes to stdout as it is: what redraws a terminal. */
  readonly write: (text: string | Uint8Array) => void;
  /** Writes to stderr; a line without its end. */
  readonly warn: (line: string) => void;
  /** Columns of the terminal on stdout; undefined when stdout is not a terminal. */
  readonly columns: () => number | undefined;
  /** Rows of the terminal on stdout; undefined when stdout is not a terminal. */
  readonly rows: () => number | undefined;
  /** Calls back whenever the terminal on stdout has another size, until the returned function is called. */
  readonly onResize: (callback: () => void) => () => void;
  /** Whether stdout has colours. */
  readonly colors: (flags: { readonly color?: ColorWhen | undefined }) => boolean;
  /** Fires at Ctrl-C, SIGTERM and SIGHUP, and when nobody reads stdout any more. From the first call on, those end nothing else. */
  readonly interrupted: () => AbortSignal;
  /** Ends the process once what was printed is out, whatever else is still under way. */
  readonly leave: () => void;
  readonly randomHex: (bytes: number) => string;
  readonly ask: Asker;
  /** What is typed or piped in; `isTTY` where it is typed, and then every key alone after `setRawMode(true)`. */
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly contexts: ContextStore;
  readonly dataDir: (flags: AccessFlags) => DataDir;
  /** Finds the coordinator and how to sign in there; a CliFailure when none is known. */
  readonly access: (flags: AccessFlags) => CoordinatorAccess;
  /** The same as a client. */
  readonly api: (flags: AccessFlags) => ApiClient;
}
