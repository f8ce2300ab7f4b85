import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ExitCode } from "../exit-code.ts";
import { nodesMax } from "../up/node-plan.ts";
import { runUp, type UpOptions } from "../up/run-up.ts";

/** `lormas up`: the coordinator and a local fleet, until Ctrl-C. */
export function addUpCommand(program: Command, context: CliContext, end: (code: ExitCode) => void): void {
  program
    .command("up")
    .description("start a coordinator and a local fleet of nodes, and run them until Ctrl-C")
    .addOption(
      new Option("--runtime <kind>", "how containers run: auto takes docker when an engine answers, else exec")
        .choices(["auto", "docker", "exec"])
        .default("auto"),
    )
    .option("--nodes <count>", `how many nodes, 1 to ${nodesMax}`, nodeCount, 3)
    .option("--data-dir <dir>", "where all state lives (default: .lormas in the repository; LORMAS_DATA_DIR)")
    .option("--http-listen <address>", "address of dashboard and API (default 127.0.0.1:8080; LORMAS_HTTP_LISTEN)")
    .option("--agent-listen <address>", "address for agents (default 127.0.0.1:7443; LORMAS_AGENT_LISTEN)")
    .addHelpText("after", "\nExample:\n  lormas up --runtime exec --nodes 3\n")
    .action(async (options: UpOptions) => end(await runUp(context, options)));
}

function nodeCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= nodesMax) return count;
  throw new InvalidArgumentError(`it is a whole number from 1 to ${nodesMax}.`);
}
