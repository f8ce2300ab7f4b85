import type { Argument, Command, Option } from "commander";

/** One word that could stand there. */
export interface Suggestion {
  readonly value: string;
  readonly description: string;
}

/** What could stand at the cursor. */
export interface WantedCompletion {
  /** Known without asking anybody. */
  readonly words: readonly Suggestion[];
  /** What the word names, as the help calls it: "container", "node", "context", "file", …; absent: nothing of the kind. */
  readonly kind?: string;
  /** Stands before each value of the kind: "--node=" of "--node=we". */
  readonly prefix: string;
  /** Values of flags that are on the line already, as commander calls them ("dataDir"). */
  readonly flags: Readonly<Record<string, string>>;
}

/**
 * What could stand at the cursor, by the program's own commands, arguments and options.
 *
 * @param words the words before the cursor, without the program's name
 * @param current what has been typed of the word at the cursor
 */
export function wantedCompletion(program: Command, words: readonly string[], current: string): WantedCompletion {
  const { command, positionals, pending, onlyArguments, flags } = walk(program, words);
  if (pending !== undefined) return { ...valuesOf(pending), prefix: "", flags };
  if (!onlyArguments && current.startsWith("-")) {
    const at = current.indexOf("=");
    const option = at < 0 ? undefined : findOption(command, current.slice(0, at));
    if (option !== undefined) {
      const prefix = current.slice(0, at + 1);
      const { words: values, kind } = valuesOf(option);
      const prefixed = values.map(({ value, description }) => ({ value: prefix + value, description }));
      return { words: prefixed, ...(kind === undefined ? {} : { kind }), prefix, flags };
    }
    return { words: optionsOf(command), prefix: "", flags };
  }
  const subcommands = positionals === 0 ? visibleCommands(command) : [];
  const argument =
    command.registeredArguments[positionals] ?? command.registeredArguments.findLast((last) => last.variadic);
  return { words: subcommands, ...(argument === undefined ? {} : argumentValues(argument)), prefix: "", flags };
}

function walk(program: Command, words: readonly string[]) {
  let command = program;
  let positionals = 0;
  let pending: Option | undefined;
  let onlyArguments = false;
  const flags: Record<string, string> = {};
  for (const word of words) {
    if (pending !== undefined) {
      flags[pending.attributeName()] = word;
      pending = undefined;
    } else if (!onlyArguments && word === "--") onlyArguments = true;
    else if (!onlyArguments && word.startsWith("-") && word !== "-") {
      const at = word.indexOf("=");
      const option = findOption(command, at < 0 ? word : word.slice(0, at));
      if (option?.required !== true) continue;
      if (at < 0) pending = option;
      else flags[option.attributeName()] = word.slice(at + 1);
    } else {
      const next = positionals === 0 ? childOf(command, word) : undefined;
      if (next === undefined) positionals += 1;
      else command = next;
    }
  }
  return { command, positionals, pending, onlyArguments, flags };
}

const childOf = (command: Command, word: string): Command | undefined =>
  command.commands.find((child) => child.name() === word || child.aliases().includes(word));

const findOption = (command: Command, flag: string): Option | undefined =>
  command.options.find(({ short, long }) => flag === short || flag === long);

function visibleCommands(command: Command): Suggestion[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), description: child.description() }));
}

function optionsOf(command: Command): Suggestion[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? "", description }));
}

function valuesOf(option: Option): { words: Suggestion[]; kind?: string } {
  if (option.argChoices !== undefined) {
    return { words: option.argChoices.map((value) => ({ value, description: "" })) };
  }
  const kind = /[<[]([a-z]+)/.exec(option.flags)?.[1];
  return { words: [], ...(kind === undefined ? {} : { kind }) };
}

function argumentValues(argument: Argument): { kind?: string } {
  return { kind: argument.name() };
}
