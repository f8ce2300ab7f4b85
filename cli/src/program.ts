import { Command } from "commander";
import type { CliContext } from "./cli-context.ts";
import { addAlertCommands } from "./commands/alert.ts";
import { addAuditCommands } from "./commands/audit.ts";
import { addAuthCommands } from "./commands/auth.ts";
import { addAuthorityCommands } from "./commands/authority.ts";
import { addClusterCommands } from "./commands/cluster.ts";
import { addCompletionCommands } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addContainerCommands } from "./commands/container.ts";
import { addContextCommands } from "./commands/context.ts";
import { addDemoCommands } from "./commands/demo.ts";
import { addEggCommands } from "./commands/egg.ts";
import { addEventsCommand } from "./commands/events.ts";
import { addJobCommands } from "./commands/job.ts";
import { addLoginCommands } from "./commands/login.ts";
import { addMigrationCommands } from "./commands/migration.ts";
import { addNodeCommands } from "./commands/node.ts";
import { addQuotaCommands } from "./commands/quota.ts";
import { addRegistryCommands } from "./commands/registry.ts";
import { addRoleCommands } from "./commands/role.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addUpCommand } from "./commands/up.ts";
import { addUserCommands } from "./commands/user.ts";
import { addVersionCommand } from "./commands/version.ts";
import { addWhatIfCommand } from "./commands/whatif.ts";
import { type ExitCode, exitCodeHelp } from "./exit-code.ts";

/**
 * The whole command line: every command with its flags and help. Nothing runs before parseAsync().
 *
 * @param end is told how the process ends, where that is not with 0
 */
export function buildProgram(context: CliContext, end: (code: ExitCode) => void): Command {
  const program = new Command("lormas")
    .description("Keeps containers running on a fleet of plain Docker hosts.")
    .version(context.version)
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
  addJobCommands(program, context);
  addTokenCommands(program, context);
  addRoleCommands(program, context);
  addUserCommands(program, context);
  addQuotaCommands(program, context);
  addRegistryCommands(program, context, end);
  addAuthCommands(program, context, end);
  addAuditCommands(program, context);
  addAuthorityCommands(program, context);
  addWhatIfCommand(program, context);
  addEventsCommand(program, context);
  addConfigCommands(program, context, end);
  addContextCommands(program, context);
  addLoginCommands(program, context);
  addCompletionCommands(program, context);
  addVersionCommand(program, context);
  return program;
}
