import { parseArgs } from "node:util";
import { parseDocument } from "yaml";
import {
  CONFIG_KEYS,
  type ConfigKeyName,
  configKeyNames,
  FOREIGN_VARIABLES,
  fileKeyOf,
  flagOf,
} from "./config-keys.ts";

/** One thing that is wrong with the configuration. */
export type ConfigProblem = {
  /** The setting, or what was written where one was expected. */
  readonly key: string;
  /** Where it came from: "flag --data-dir", "environment LORMAS_DATA_DIR", "file lormas.yaml". */
  readonly source: string;
  readonly problem: string;
  readonly wanted: string;
};

/** A value as it was written, and where. `inFile`: the text is the path of the file that holds the value. */
export type WrittenSetting = { readonly text: string; readonly source: string; readonly inFile: boolean };
export type Settings = Map<ConfigKeyName, WrittenSetting>;

/** Longest configuration file, in characters. */
export const FILE_LENGTH_MAX = 1 << 20;

/** Settings from the command line, and the file it names. */
export function settingsFromFlags(
  argv: readonly string[],
  problems: ConfigProblem[],
): { settings: Settings; file: string | null } {
  const settings: Settings = new Map();
  const byFlag = new Map(configKeyNames.map((name) => [flagOf(name), name]));
  const options = Object.fromEntries(
    [...byFlag].map(([flag, name]) => [
      flag,
      { type: name === "production" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const wanted = `--config FILE or one of ${[...byFlag.keys()].map((flag) => `--${flag}`).join(", ")}`;
  let file: string | null = null;
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...options, config: { type: "string" } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      problems.push({ key: token.value, source: "command line", problem: "is no flag", wanted });
      continue;
    }
    const source = `flag ${token.rawName}`;
    const name = byFlag.get(token.name);
    if (name === undefined && token.name !== "config") {
      const secret = configKeyNames.find((key) => flagOf(key) === `${token.name}-file`);
      if (secret === undefined)
        problems.push({ key: token.rawName, source: "command line", problem: "is no flag", wanted });
      else {
        const instead = `${token.rawName}-file FILE, or the environment variable ${CONFIG_KEYS[secret].env}`;
        const problem = "would show a secret to everybody who can list processes";
        problems.push({ key: secret, source, problem, wanted: instead });
      }
      continue;
    }
    if (name === "production") {
      settings.set(name, { text: token.value ?? "true", source, inFile: false });
    } else if (token.value === undefined || (token.value.startsWith("--") && token.inlineValue !== true)) {
      const problem = "has no value";
      problems.push({
        key: name ?? "config",
        source,
        problem,
        wanted: name === undefined ? "a path" : CONFIG_KEYS[name].wanted,
      });
    } else if (name === undefined) {
      file = token.value;
    } else {
      settings.set(name, { text: token.value, source, inFile: CONFIG_KEYS[name].secret });
    }
  }
  return { settings, file };
}

/** Settings from the environment. An empty variable counts as absent. Warns of variables that look like settings and are none. */
export function settingsFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
  warnings: string[],
): Settings {
  const settings: Settings = new Map();
  const known = new Set<string>(FOREIGN_VARIABLES);
  for (const name of configKeyNames) {
    const { env: variable, secret, wanted } = CONFIG_KEYS[name];
    known.add(variable);
    const text = env[variable] || undefined;
    if (text !== undefined) settings.set(name, { text, source: `environment ${variable}`, inFile: false });
    if (!secret) continue;
    known.add(`${variable}_FILE`);
    const path = env[`${variable}_FILE`] || undefined;
    if (path === undefined) continue;
    const source = `environment ${variable}_FILE`;
    if (text === undefined) settings.set(name, { text: path, source, inFile: true });
    else
      problems.push({
        key: name,
        source,
        problem: `is set beside ${variable}`,
        wanted: `only one of the two (${wanted})`,
      });
  }
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith("LORMAS_") || variable.startsWith("LORMAS_TEST_") || known.has(variable)) continue;
    warnings.push(`${variable} is no setting of the coordinator and has no effect${suggestion(variable, known)}`);
  }
  return settings;
}

/** Settings from the text of a YAML file: one flat mapping. */
export function settingsFromFile(path: string, text: string, problems: ConfigProblem[]): Settings {
  const settings: Settings = new Map();
  const source = `file ${path}`;
  const content = parsedMapping(path, text, problems);
  const byKey = new Map<string, { name: ConfigKeyName; inFile: boolean }>();
  for (const name of configKeyNames) {
    byKey.set(name, { name, inFile: false });
    if (CONFIG_KEYS[name].secret) byKey.set(fileKeyOf(name), { name, inFile: true });
  }
  for (const [key, value] of Object.entries(content)) {
    const found = byKey.get(key);
    if (found === undefined) {
      const wanted = `one of ${[...byKey.keys()].join(", ")}${suggestion(key, byKey.keys())}`;
      problems.push({ key, source, problem: "is no setting", wanted });
    } else if (!["string", "number", "boolean"].includes(typeof value)) {
      const problem = "is not a single value";
      problems.push({ key, source, problem, wanted: found.inFile ? "a path" : CONFIG_KEYS[found.name].wanted });
    } else if (settings.has(found.name)) {
      problems.push({
        key,
        source,
        problem: "is set both ways",
        wanted: `only one of ${found.name} and ${fileKeyOf(found.name)}`,
      });
    } else {
      settings.set(found.name, { text: String(value), source: `${source} (${key})`, inFile: found.inFile });
    }
  }
  return settings;
}

function parsedMapping(path: string, text: string, problems: ConfigProblem[]): Record<string, unknown> {
  const wanted = "a YAML mapping of settings, at most 1 MiB";
  const refuse = (problem: string): Record<string, unknown> => {
    problems.push({ key: "config", source: `file ${path}`, problem, wanted });
    return {};
  };
  if (text.length > FILE_LENGTH_MAX) return refuse(`has ${text.length} characters`);
  const document = parseDocument(text, { prettyErrors: false });
  const wrong = document.errors[0] ?? document.warnings[0];
  if (wrong !== undefined) return refuse(`is no YAML: ${wrong.message} (character ${wrong.pos[0]})`);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch (thrown) {
    return refuse(`cannot be taken as it is: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== "object" || Array.isArray(content)) return refuse("holds something else than settings");
  return content as Record<string, unknown>;
}

function suggestion(written: string, known: Iterable<string>): string {
  const near = [...known].find((candidate) => nearlySame(written, candidate));
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}

/** Whether two names differ by case, separators, or one letter that is missing, added, changed or swapped. */
function nearlySame(a: string, b: string): boolean {
  const [x, y] = [a, b].map((name) => name.toLowerCase().replace(/[_-]/g, "")) as [string, string];
  if (x === y) return true;
  if (Math.abs(x.length - y.length) > 1) return false;
  let start = 0;
  while (start < x.length && x[start] === y[start]) start += 1;
  let end = 0;
  while (end < Math.min(x.length, y.length) - start && x.at(-1 - end) === y.at(-1 - end)) end += 1;
  const [restX, restY] = [x.slice(start, x.length - end), y.slice(start, y.length - end)];
  if (restX.length <= 1 && restY.length <= 1) return true;
  return restX.length === 2 && restY === `${restX[1]}${restX[0]}`;
}
