import { resolve } from "node:path";
import { parseListenAddress } from "../agents/listen-address.ts";
import { isLoopbackAddress } from "../api/loopback.ts";
import { CONFIG_KEYS, type ConfigKeyName, type CoordinatorConfig, configKeyNames } from "./config-keys.ts";
import {
  type ConfigProblem,
  type Settings,
  settingsFromEnvironment,
  settingsFromFile,
  settingsFromFlags,
  type WrittenSetting,
} from "./setting-sources.ts";

export type ConfigInput = {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Answers a file's text; throws when it cannot be read. The only thing outside that is touched. */
  readonly readFile: (path: string) => string;
  /** What is wrong with a file that is to be run, or null; absent: files are not looked at. */
  readonly programProblem?: (path: string) => string | null;
  /** What is wrong with the file of providers at an absolute path, or null; absent: it is not looked at. */
  readonly providersProblem?: (path: string) => string | null;
  /** What relative paths start from; the process's own when absent. */
  readonly cwd?: string;
};

/** Where each value came from: "default", or as in ConfigProblem. */
export type ConfigSources = Readonly<Record<ConfigKeyName, string>>;

export type ConfigOutcome =
  | { readonly config: CoordinatorConfig; readonly sources: ConfigSources; readonly warnings: readonly string[] }
  | { readonly problems: readonly ConfigProblem[] };

/**
 * Reads the configuration: a flag wins over the environment, that over the file, that over the default. Either everything
 * is right, or every problem is named at once and nothing is used.
 */
export function loadConfig(input: ConfigInput): ConfigOutcome {
  const { argv, env, readFile, cwd = process.cwd() } = input;
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const flags = settingsFromFlags(argv, problems);
  const environment = settingsFromEnvironment(env, problems, warnings);
  const file = readSettingsFile(flags.file, env["LORMAS_CONFIG"] || null, { readFile, cwd }, problems);

  const values = new Map<ConfigKeyName, unknown>();
  const sources = new Map<ConfigKeyName, string>();
  for (const name of configKeyNames) {
    const { defaultText } = CONFIG_KEYS[name];
    const otherwise = defaultText === null ? undefined : { text: defaultText, source: "default", inFile: false };
    const written = flags.settings.get(name) ?? environment.get(name) ?? file.get(name) ?? otherwise;
    sources.set(name, written?.source ?? "default");
    values.set(name, written === undefined ? null : checkedValue(name, written, { readFile, cwd }, problems));
  }
  if (problems.length === 0) problems.push(...contradictions(values, sources));
  const hook = values.get("fenceHook");
  const unfit = typeof hook === "string" ? (input.programProblem?.(hook) ?? null) : null;
  if (unfit !== null) {
    const { wanted } = CONFIG_KEYS.fenceHook;
    const problem = `${JSON.stringify(hook)} ${unfit}`;
    problems.push({ key: "fenceHook", source: sources.get("fenceHook") ?? "", problem, wanted });
  }
  const providers = values.get("signInProviders");
  const wrong = typeof providers === "string" ? (input.providersProblem?.(resolve(cwd, providers)) ?? null) : null;
  if (wrong !== null) {
    const source = sources.get("signInProviders") ?? "";
    problems.push({ key: "signInProviders", source, problem: wrong, wanted: "as in docs/identity.md" });
  }
  if (problems.length > 0) return { problems };
  for (const name of ["dataDir", "publicTlsCertFile", "publicTlsKeyFile", "signInProviders"] as const) {
    const path = values.get(name);
    if (path !== null) values.set(name, resolve(cwd, String(path)));
  }
  return {
    // Every key has passed its own schema, whose output is the key's type.
    config: Object.fromEntries(values) as CoordinatorConfig,
    sources: Object.fromEntries(sources) as ConfigSources,
    warnings,
  };
}

/** A problem as one line; what was written may hold anything, so control characters are left out. */
export function problemLine({ key, source, problem, wanted }: ConfigProblem): string {
  return `${key} (${source}) ${problem}; right would be: ${wanted}`.replace(/\p{Cc}/gu, "?");
}

type FileAccess = { readonly readFile: (path: string) => string; readonly cwd: string };

function readSettingsFile(
  byFlag: string | null,
  byEnvironment: string | null,
  { readFile, cwd }: FileAccess,
  problems: ConfigProblem[],
): Settings {
  const path = byFlag ?? byEnvironment;
  if (path === null) return new Map();
  try {
    return settingsFromFile(path, readFile(resolve(cwd, path)), problems);
  } catch (thrown) {
    const source = byFlag === null ? "environment LORMAS_CONFIG" : "flag --config";
    problems.push({
      key: "config",
      source,
      problem: `cannot be read: ${said(thrown)}`,
      wanted: "a YAML file that exists",
    });
    return new Map();
  }
}

function checkedValue(
  name: ConfigKeyName,
  { text, source, inFile }: WrittenSetting,
  { readFile, cwd }: FileAccess,
  problems: ConfigProblem[],
): unknown {
  const { schema, secret, wanted } = CONFIG_KEYS[name];
  let value = text;
  if (inFile) {
    try {
      value = readFile(resolve(cwd, text)).replace(/\r?\n$/, "");
    } catch (thrown) {
      problems.push({ key: name, source, problem: `cannot be read: ${said(thrown)}`, wanted: "a file that exists" });
      return null;
    }
  }
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  const shown = secret ? "the value (kept back)" : JSON.stringify(value.slice(0, 200));
  const reasons = outcome.error.issues.map(({ message }) => message).join(" and ");
  problems.push({ key: name, source, problem: `${shown} ${reasons}`, wanted });
  return null;
}

function contradictions(values: ReadonlyMap<string, unknown>, sources: ReadonlyMap<string, string>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const http = parseListenAddress(String(values.get("httpListen")));
  const agent = parseListenAddress(String(values.get("agentListen")));
  if (http.port !== 0 && http.port === agent.port && http.host === agent.host) {
    const problem = `${http.host}:${http.port} is httpListen already`;
    problems.push({ key: "agentListen", source: sources.get("agentListen") ?? "", problem, wanted: "another port" });
  }
  problems.push(...tlsProblems(values, sources, http.host));
  const publicUrl = values.get("publicUrl");
  if (values.get("production") === true && !String(publicUrl).startsWith("https://")) {
    const problem = publicUrl === null ? "is missing in production" : `${JSON.stringify(publicUrl)} is not encrypted`;
    const wanted = "an https:// origin, so that cookies never travel in the clear";
    problems.push({ key: "publicUrl", source: sources.get("publicUrl") ?? "", problem, wanted });
  }
  return problems;
}

function tlsProblems(
  values: ReadonlyMap<string, unknown>,
  sources: ReadonlyMap<string, string>,
  host: string,
): ConfigProblem[] {
  const of = (key: ConfigKeyName, problem: string, wanted: string): ConfigProblem[] => [
    { key, source: sources.get(key) ?? "", problem, wanted },
  ];
  const [mode, cert, key] = [values.get("publicTls"), values.get("publicTlsCertFile"), values.get("publicTlsKeyFile")];
  if (cert !== null && key === null) return of("publicTlsKeyFile", "is missing", "the key of publicTlsCertFile");
  if (cert === null && key !== null)
    return of("publicTlsCertFile", "is missing", "the certificate of publicTlsKeyFile");
  if (mode !== "auto" && cert !== null) {
    return of("publicTls", `is ${mode}, and publicTlsCertFile is set`, "auto, which uses the files, or no files");
  }
  if (mode !== "auto" || cert !== null || host === "localhost" || isLoopbackAddress(host)) return [];
  return of(
    "httpListen",
    `${host} is reached by other machines, and nothing encrypts passwords and tokens on their way`,
    "publicTlsCertFile with publicTlsKeyFile, or publicTls: own-ca, or an address of this machine alone such as " +
      "127.0.0.1; publicTls: off (LORMAS_PUBLIC_TLS=off) where something before it speaks TLS, or the network is trusted",
  );
}

function said(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
