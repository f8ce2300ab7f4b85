import { type Command, Option } from "commander";
import type { AccessFlags } from "../client/coordinator-access.ts";
import type { ColorWhen } from "../terminal/color.ts";

/** Flags of every command that asks the coordinator. */
export interface ApiOptions extends AccessFlags {
  readonly output: "table" | "json";
  readonly color: ColorWhen;
}

const COORDINATOR = "Which coordinator, and as whom:";

/** Adds a command that asks the coordinator: its flags, and an example below its help. */
export function apiCommand(parent: Command, usage: string, description: string, example: string): Command {
  const command = parent.command(usage).description(description).addOption(outputOption()).addOption(colorOption());
  for (const option of coordinatorOptions()) command.addOption(option);
  return command.addHelpText("after", `\nExample:\n  ${example}\n`);
}

/** `-o`. */
export function outputOption(): Option {
  return new Option("-o, --output <format>", "table for people, json for programs")
    .choices(["table", "json"])
    .default("table");
}

/** `--color`. */
export function colorOption(): Option {
  return new Option("--color <when>", "colours: by itself on a terminal, unless NO_COLOR is set")
    .choices(["auto", "always", "never"])
    .default("auto");
}

/** `--url`. */
export function urlOption(): Option {
  return new Option("--url <url>", "the coordinator (LORMAS_URL; default: the local one)").helpGroup(COORDINATOR);
}

/** `--ca-file`. */
export function caFileOption(): Option {
  return new Option(
    "--ca-file <file>",
    "believe only certificates of these authorities, PEM (LORMAS_CA_FILE)",
  ).helpGroup(COORDINATOR);
}

/** `--context`. */
export function contextOption(): Option {
  return new Option(
    "--context <context>",
    "a stored coordinator: lormas context ls (LORMAS_CONTEXT; default: the current one)",
  ).helpGroup(COORDINATOR);
}

function coordinatorOptions(): Option[] {
  return [
    contextOption(),
    urlOption(),
    new Option(
      "--token-file <file>",
      "file with the bearer token (LORMAS_TOKEN, LORMAS_TOKEN_FILE; default: the local one)",
    ).helpGroup(COORDINATOR),
    caFileOption(),
    new Option(
      "--data-dir <dir>",
      "data dir of the local coordinator (LORMAS_DATA_DIR; default: .lormas in the repository)",
    ).helpGroup(COORDINATOR),
  ];
}
