import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { Command, CommanderError } from "commander";
import type { CliContext } from "./cli-context.ts";
import { CliFailure, failureText } from "./cli-failure.ts";
import { createApiClient } from "./client/api-client.ts";
import { apiFailure } from "./client/api-failure.ts";
import { chooseDataDir, findCoordinator } from "./client/coordinator-access.ts";
import { systemClock } from "./clock.ts";
import { addAlertCommands } from "./commands/alert.ts";
import { addClusterCommands } from "./commands/cluster.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addContainerCommands } from "./commands/container.ts";
import { addDemoCommands } from "./commands/demo.ts";
import { addEggCommands } from "./commands/egg.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addMigrationCommands } from "./commands/migration.ts";
import { addNodeCommands } from "./commands/node.ts";
import { addUpCommand } from "./commands/up.ts";
import { addVersionCommand } from "./commands/version.ts";
import { addWhatIfCommand } from "./commands/whatif.ts";
import { type ExitCode, exitCode, exitCodeHelp } from "./exit-code.ts";

const repository = join(import.meta.dirname, "..", "..");
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
const end = (code: ExitCode) => {
  process.exitCode = code;
};

const context: CliContext = {
  clock: systemClock,
  env: process.env,
  repository,
  version,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  columns: () => (process.stdout.isTTY ? process.stdout.columns : undefined),
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  dataDir: (flags) => chooseDataDir(flags, process.env, repository),
  api: (flags) => createApiClient(findCoordinator(flags, process.env, context.dataDir(flags))),
};

const program = new Command("lormas")
  .description("Keeps containers running on a fleet of plain Docker hosts.")
  .version(version)
  .exitOverride()
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "lormas: ")) })
  .showHelpAfterError("  next: lormas --help, or --help after a command, shows what there is")
  .addHelpText("after", exitCodeHelp);
addUpCommand(program, context, end);
addDemoCommands(program, context, end);
addNodeCommands(program, context);
addContainerCommands(program, context);
addMigrationCommands(program, context);
addEggCommands(program, context);
addClusterCommands(program, context);
addAlertCommands(program, context);
addWhatIfCommand(program, context);
addEventsCommand(program, context);
addConfigCommands(program, context, end);
addVersionCommand(program, context);

// A reader that went away (lormas … | head, a closed terminal) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    end(error.exitCode === 0 ? exitCode.ok : exitCode.usage); // commander has said it already
  } else {
    const failure = error instanceof ConnectError ? apiFailure(error, "the coordinator") : error;
    if (!(failure instanceof CliFailure)) throw failure;
    process.stderr.write(failureText(failure));
    end(failure.code);
  }
}
