import type { ConfigFileSpec, ConfigParser } from "../domain/workload.ts";
import type { ConfigFile, ConfigReplacement, ConfigScalar } from "./panel-facts.ts";
import { PLACEHOLDER, variableOf } from "./panel-startup.ts";

/** What agents take. */
const FILES_MAX = 100;
const REPLACEMENTS_MAX = 500;
const MATCH_CHARS_MAX = 1_024;
const PATH_CHARS_MAX = 512;
/** What panels call their parsers. */
const PARSERS: Readonly<Record<string, ConfigParser>> = {
  ...{ file: "file", yaml: "yaml", yml: "yaml", json: "json", properties: "properties", ini: "ini", xml: "xml" },
};
/** The address at which a container reaches its node, in the words of panels: the second is Pelican's. */
const INTERFACE = "config.docker.interface";
const INTERFACE_NAMES = [INTERFACE, "config.docker.network.interface"];

/** The files in which agents set values before each start; what cannot be used is left out. */
export function usableConfigFiles(files: readonly ConfigFile[]): ConfigFileSpec[] {
  return files
    .filter((file) => configFileProblem(file) === null)
    .slice(0, FILES_MAX)
    .map(({ path, parser, replacements }) => ({
      path,
      parser: PARSERS[parser.trim().toLowerCase()] ?? "file",
      replacements: replacements.flatMap(changesOf),
    }));
}

/** Why a file cannot be used; null: it can. */
export function configFileProblem({ path, parser, replacements }: ConfigFile): string | null {
  if (!Object.hasOwn(PARSERS, parser.trim().toLowerCase())) {
    return parser === "" ? "names no parser" : `is of a kind that Lormas does not know (${parser.slice(0, 32)})`;
  }
  if (path.length > PATH_CHARS_MAX) return `has a path of more than ${PATH_CHARS_MAX} characters`;
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  if (steps.length === 0 || path.endsWith("/")) return "is no file";
  if (path.includes("\0") || steps.includes("..")) return "leads out of the server's folder";
  const changes = replacements.flatMap(changesOf);
  if (changes.length > REPLACEMENTS_MAX) return `has ${changes.length} values; at most ${REPLACEMENTS_MAX}`;
  const isLong = changes.some(
    ({ match, ifValue }) => match === "" || match.length > MATCH_CHARS_MAX || (ifValue?.length ?? 0) > MATCH_CHARS_MAX,
  );
  return isLong ? `looks for nothing, or for more than ${MATCH_CHARS_MAX} characters` : null;
}

/** The placeholders of a file for which there is no value: they stay as they are. */
export function unfilledInConfig({ replacements }: ConfigFile): string[] {
  const texts = replacements.flatMap(changesOf).flatMap(({ value }) => (typeof value === "string" ? [value] : []));
  const names = texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map(([, name = ""]) => name));
  return [...new Set(names.filter((name) => name.includes(".") && agentPlaceholder(name) === null))];
}

function changesOf({ match, value }: ConfigReplacement): ConfigFileSpec["replacements"][number][] {
  const cases = typeof value === "object" && value !== null ? value : [{ ifValue: null, value }];
  return cases.map((one) => ({ match, ifValue: one.ifValue, value: withAgentPlaceholders(one.value) }));
}

function withAgentPlaceholders(value: ConfigScalar): ConfigScalar {
  if (typeof value !== "string") return value;
  return value.replace(PLACEHOLDER, (whole, name: string) => agentPlaceholder(name) ?? whole);
}

/** A panel's placeholder as agents fill it. A bare {{NAME}} is none here: it may mean something to the server itself. */
function agentPlaceholder(name: string): string | null {
  if (!name.includes(".")) return null;
  if (INTERFACE_NAMES.includes(name)) return `{{${INTERFACE}}}`;
  const variable = variableOf(name);
  return variable === null ? null : `{{env.${variable}}}`;
}
