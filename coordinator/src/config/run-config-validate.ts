import { readFileSync } from "node:fs";
import { hookFileProblem } from "../fencing/hook-file.ts";
import { providersProblem } from "../identity/oidc/provider-config.ts";
import { type ConfigKeyName, configKeyNames } from "./config-keys.ts";
import { loadConfig, problemLine } from "./coordinator-config.ts";
import { describeConfig } from "./describe-config.ts";

/**
 * `config validate [flags]`: says what would be used and where it comes from (exit code 0), or everything that is wrong
 * (exit code 2). Starts nothing and changes nothing.
 */
export function runConfigValidate(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { readonly exitCode: number; readonly stdout: string; readonly stderr: string } {
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const outcome = loadConfig({ argv, env, readFile, programProblem: hookFileProblem, providersProblem });
  if ("problems" in outcome) {
    const lines = outcome.problems.map((problem) => `  ${problemLine(problem)}`);
    const count = `${lines.length} ${lines.length === 1 ? "problem" : "problems"}`;
    return { exitCode: 2, stdout: "", stderr: `The configuration has ${count}:\n${lines.join("\n")}\n` };
  }
  const shown = describeConfig(outcome.config);
  const width = Math.max(...configKeyNames.map((name) => name.length));
  const line = (name: ConfigKeyName): string =>
    `${name.padEnd(width)}  ${shown[name] ?? "(not set)"}  [${outcome.sources[name]}]`;
  const stdout = `The configuration is right.\n${configKeyNames.map(line).join("\n")}\n`;
  return { exitCode: 0, stdout, stderr: outcome.warnings.map((warning) => `Warning: ${warning}\n`).join("") };
}
