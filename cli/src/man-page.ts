import type { Command, Option } from "commander";
import { exitCodeHelp } from "./exit-code.ts";

/**
 * The man page (roff, man(7) macros) of the whole command line, made from the program's own commands, so that it says what
 * `--help` says. Every command has a part of its own; flags that most commands share are described once.
 */
export function manPage(program: Command): string {
  const commands = leaves(program);
  const shared = sharedOptions(commands);
  return [
    '.\\" Made from the help by scripts/write-man-page.ts; do not edit.',
    `.TH LORMAS 1 "" "lormas ${program.version() ?? ""}" "User Commands"`,
    ".SH NAME",
    `lormas \\- ${text(lowerFirst(program.description().replace(/\.$/, "")))}`,
    ".SH SYNOPSIS",
    ".B lormas",
    ".I command",
    ".RI [ options ]",
    ".SH COMMANDS",
    ...commands.flatMap((command) => commandPart(command, shared)),
    ".SH SHARED OPTIONS",
    "Most commands take these.",
    ...[...shared.values()].flatMap(optionPart),
    ".SH EXIT STATUS",
    ...exitCodeHelp
      .split("\n")
      .map((line) => /^ +(\d) +(.*)$/.exec(line))
      .filter((match) => match !== null)
      .flatMap(([, code = "", meaning = ""]) => [".TP", `.B ${code}`, text(meaning)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, meaning]) => [".TP", `.B ${text(name)}`, text(meaning)]),
    ".SH FILES",
    ".TP",
    ".I $XDG_CONFIG_HOME/lormas/contexts.json",
    "Contexts with their credentials; ~/.config when XDG_CONFIG_HOME is unset.",
    "",
  ].join("\n");
}

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["LORMAS_URL", "the coordinator"],
  ["LORMAS_CONTEXT", "the context to use"],
  ["LORMAS_TOKEN, LORMAS_TOKEN_FILE", "the API token, or the file that holds it"],
  ["LORMAS_CA_FILE", "the certificate authorities that are believed"],
  ["LORMAS_DATA_DIR", "the data dir of the local coordinator"],
  ["NO_COLOR", "no colours, when it is set to anything"],
];

/** The share of commands that must have an option for it to be described once for all. */
const SHARED_SHARE = 0.6;

function leaves(command: Command): Command[] {
  const children = visible(command);
  return children.length === 0 ? [command] : children.flatMap(leaves);
}

function visible(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== "help");
}

function sharedOptions(commands: readonly Command[]): ReadonlyMap<string, Option> {
  const all = commands.flatMap(({ options }) => options.filter(({ hidden }) => !hidden));
  const first = new Map(all.map((option) => [keyOf(option), option]));
  const isShared = (key: string) => all.filter((other) => keyOf(other) === key).length > commands.length * SHARED_SHARE;
  return new Map([...first].filter(([key]) => isShared(key)));
}

const keyOf = ({ flags, description }: Option): string => `${flags} ${description}`;

function commandPart(command: Command, shared: ReadonlyMap<string, Option>): string[] {
  const own = command.options.filter((option) => !option.hidden && !shared.has(keyOf(option)));
  const usage = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  const described = command.registeredArguments.filter(({ description }) => (description ?? "") !== "");
  const aliases = command.aliases();
  return [
    `.SS ${text(pathOf(command))}${usage.length === 0 ? "" : ` ${text(usage.join(" "))}`}`,
    `${text(sentence(command.description()))}${aliases.length === 0 ? "" : ` Also called ${text(aliases.join(", "))}.`}`,
    ...described.flatMap((argument) => [".TP", `.I ${text(argument.name())}`, text(argument.description)]),
    ...own.flatMap(optionPart),
    ...exampleOf(command).flatMap((line, index) => [
      ...(index === 0 ? [".PP", "Example:", ".PP", ".nf", ".RS 4"] : []),
      text(line),
    ]),
    ...(exampleOf(command).length === 0 ? [] : [".RE", ".fi"]),
  ];
}

function optionPart(option: Option): string[] {
  const choices = option.argChoices === undefined ? "" : ` One of: ${option.argChoices.join(", ")}.`;
  const hasDefault = option.defaultValue !== undefined && !Array.isArray(option.defaultValue) && !option.isBoolean();
  const byDefault = hasDefault && option.defaultValue !== "" ? ` Default: ${option.defaultValue}.` : "";
  const must = option.mandatory ? " Must be given." : "";
  return [".TP", `.B ${text(option.flags)}`, text(sentence(option.description)) + text(choices + byDefault + must)];
}

/** "lormas container ls". */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** The lines below "Example:" in a command's help. */
function exampleOf(command: Command): string[] {
  let help = "";
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (part) => (help += part) }).outputHelp();
  command.configureOutput(before);
  const [, examples = ""] = help.split(/^Example:\n/m);
  return examples
    .split("\n")
    .filter((line) => line.startsWith("  "))
    .map((line) => line.trim());
}

/** Text as roff takes it: a hyphen is one that can be copied, and no line begins a macro. */
function text(plain: string): string {
  return plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "...")
    .replace(/^([.'])/, "\\&$1");
}

const lowerFirst = (words: string): string => words.slice(0, 1).toLowerCase() + words.slice(1);
const sentence = (words: string): string =>
  `${words.slice(0, 1).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
