import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { CommanderError } from "commander";
import type { CliContext } from "./cli-context.ts";
import { CliFailure, failureText } from "./cli-failure.ts";
import { createApiClient } from "./client/api-client.ts";
import { apiFailure } from "./client/api-failure.ts";
import { ContextStore } from "./client/context-store.ts";
import { chooseDataDir, findCoordinator } from "./client/coordinator-access.ts";
import { systemClock } from "./clock.ts";
import { type ExitCode, exitCode } from "./exit-code.ts";
import { buildProgram } from "./program.ts";
import { Asker } from "./terminal/ask.ts";
import { hasColors } from "./terminal/color.ts";

const repository = join(import.meta.dirname, "..", "..");
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
const end = (code: ExitCode) => {
  process.exitCode = code;
};

const interruption = new AbortController();
let listensForSignals = false;
/** The coordinator that was asked, for what is said when it does not answer. */
let askedUrl = "the coordinator";

const context: CliContext = {
  clock: systemClock,
  env: process.env,
  repository,
  version,
  print: (line) => process.stdout.write(`${line}\n`),
  write: (text) => process.stdout.write(text),
  warn: (line) => process.stderr.write(`${line}\n`),
  // Some terminals do not say how large they are, and answer 0.
  columns: () => (process.stdout.isTTY ? process.stdout.columns || 80 : undefined),
  rows: () => (process.stdout.isTTY ? process.stdout.rows || 24 : undefined),
  onResize: (callback) => {
    process.stdout.on("resize", callback);
    return () => process.stdout.off("resize", callback);
  },
  colors: ({ color = "auto" }) => hasColors(color, process.env, process.stdout.isTTY),
  interrupted: () => {
    if (!listensForSignals) {
      listensForSignals = true;
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => interruption.abort());
    }
    return interruption.signal;
  },
  leave: () => process.stdout.write("", () => process.exit()),
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  ask: new Asker(process.stdin, process.stderr, systemClock),
  stdin: process.stdin,
  contexts: new ContextStore(process.env),
  dataDir: (flags) => chooseDataDir(flags, process.env, repository),
  access: (flags) => findCoordinator(flags, process.env, context.dataDir(flags), context.contexts),
  api: (flags) => {
    const access = context.access(flags);
    askedUrl = access.url;
    return createApiClient(access);
  },
};

// A reader that went away (lormas … | head, a closed terminal) is no failure of ours, and nobody reads what would follow.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    interruption.abort();
  });
}

try {
  await buildProgram(context, end).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    end(error.exitCode === 0 ? exitCode.ok : exitCode.usage); // commander has said it already
  } else {
    const failure = error instanceof ConnectError ? apiFailure(error, askedUrl) : error;
    if (!(failure instanceof CliFailure)) throw failure;
    process.stderr.write(failureText(failure));
    end(failure.code);
  }
}
