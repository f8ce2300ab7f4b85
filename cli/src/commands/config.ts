import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import type { ExitCode } from "../exit-code.ts";
import { exitCode } from "../exit-code.ts";

/** `lormas config …`: the coordinator reads its own configuration, so it is asked. */
export function addConfigCommands(program: Command, context: CliContext, end: (code: ExitCode) => void): void {
  const group = program.command("config").description("the coordinator's configuration");
  group
    .command("validate")
    .description("check the coordinator's configuration (flags, environment, file) without starting it")
    .argument("[arguments...]", "flags of the coordinator, after --")
    .option("--data-dir <dir>", "data dir of the coordinator (LORMAS_DATA_DIR; default: .lormas in the repository)")
    .addHelpText("after", "\nExample:\n  LORMAS_HTTP_LISTEN=127.0.0.1:9090 lormas config validate\n")
    .action(async (args: string[], options: { dataDir?: string }) => {
      const main = join(context.repository, "coordinator", "src", "main.ts");
      const child = spawn(process.execPath, [main, "config", "validate", ...args], {
        stdio: "inherit",
        env: { ...context.env, LORMAS_DATA_DIR: context.dataDir(options).path },
      });
      const [code] = await once(child, "exit");
      end(code === 0 ? exitCode.ok : code === exitCode.usage ? exitCode.usage : exitCode.failed);
    });
}
