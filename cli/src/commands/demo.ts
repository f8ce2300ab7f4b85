import { type Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { AccessFlags } from "../client/coordinator-access.ts";
import { demoFailover, type FailoverOptions } from "../demo/demo-failover.ts";
import { demoRevive } from "../demo/demo-revive.ts";
import type { ExitCode } from "../exit-code.ts";

const dataDirFlag = [
  "--data-dir <dir>",
  "data dir of the running lormas up (LORMAS_DATA_DIR; default: .lormas in the repository)",
] as const;

/** `lormas demo …`: needs a running `lormas up`. */
export function addDemoCommands(program: Command, context: CliContext, end: (code: ExitCode) => void): void {
  const group = program.command("demo").description("see it happen on the local fleet");
  group
    .command("failover")
    .description("kill a node the hard way and measure how long its HA container is without service")
    .addOption(
      new Option("--runtime <kind>", "refuse unless the fleet runs its containers so")
        .choices(["auto", "docker", "exec"])
        .default("auto"),
    )
    .addOption(
      new Option("-o, --output <format>", "table for people, json for programs")
        .choices(["table", "json"])
        .default("table"),
    )
    .option(...dataDirFlag)
    .addHelpText("after", "\nExit code 1 when the bound did not hold.\n\nExample:\n  lormas demo failover\n")
    .action(async (options: FailoverOptions) => end(await demoFailover(context, options)));
  group
    .command("revive <node>")
    .description("start a killed node's agent again and wait until the node is healthy")
    .option(...dataDirFlag)
    .addHelpText("after", "\nExample:\n  lormas demo revive node-1\n")
    .action(async (node: string, options: AccessFlags) => await demoRevive(context, node, options));
}
