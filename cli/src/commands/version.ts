import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { type ApiOptions, apiCommand } from "./api-command.ts";

/** `lormas version`: the CLI's, and the coordinator's when one answers. */
export function addVersionCommand(program: Command, context: CliContext): void {
  apiCommand(
    program,
    "version",
    "show the version of this CLI and of the coordinator",
    "lormas version -o json",
  ).action(async (options: ApiOptions) => {
    const coordinator = await coordinatorVersion(context, options);
    if (options.output === "json") {
      context.print(
        JSON.stringify({ cli: context.version, node: process.version, coordinator: coordinator ?? null }, null, 2),
      );
      return;
    }
    context.print(`lormas ${context.version} (Node ${process.version})`);
    context.print(coordinator === undefined ? "coordinator: none answers" : `coordinator ${coordinator}`);
  });
}

async function coordinatorVersion(context: CliContext, options: ApiOptions): Promise<string | undefined> {
  try {
    const { version } = await context.api(options).health.getHealth({}, { timeoutMs: 2000 });
    return version;
  } catch {
    return undefined; // That none answers is a good answer here, and it is said.
  }
}
