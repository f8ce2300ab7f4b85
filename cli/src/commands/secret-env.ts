import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/**
 * What `--secret-env` was given as, by name: NAME=VALUE, or NAME alone, which takes the value from this command's own environment,
 * where a command line would be seen by everybody on the machine and kept by the shell.
 */
export function secretEnvironment(given: readonly string[] = [], env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    given.map((text): [string, string] => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      const value = at < 0 ? env[text] : undefined;
      if (value !== undefined) return [text, value];
      const problem =
        at < 0 ? `there is no variable ${text} in the environment` : `${JSON.stringify(text)} has no name`;
      throw new CliFailure(exitCode.usage, `--secret-env: ${problem}`, "give NAME=VALUE, or set and export NAME first");
    }),
  );
}
