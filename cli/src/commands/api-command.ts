import { type Command, Option } from "commander";
import type { AccessFlags } from "../client/coordinator-access.ts";

/** Flags of every command that asks the coordinator. */
export interface ApiOptions extends AccessFlags {
  readonly output: "table" | "json";
}

/** Adds a command that asks the coordinator: its flags, and an example below its help. */
export function apiCommand(parent: Command, usage: string, description: string, example: string): Command {
  return parent
    .command(usage)
    .description(description)
    .addOption(
      new Option("-o, --output <format>", "table for people, json for programs")
        .choices(["table", "json"])
        .default("table"),
    )
    .option("--url <url>", "the coordinator (LORMAS_URL; default: the local one)")
    .option(
      "--token-file <file>",
      "file with the bearer token (LORMAS_TOKEN, LORMAS_TOKEN_FILE; default: the local one)",
    )
    .option(
      "--data-dir <dir>",
      "data dir of the local coordinator (LORMAS_DATA_DIR; default: .lormas in the repository)",
    )
    .addHelpText("after", `\nExample:\n  ${example}\n`);
}
