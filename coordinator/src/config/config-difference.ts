import { CONFIG_KEYS, type ConfigKeyName, type CoordinatorConfig, configKeyNames } from "./config-keys.ts";
import type { ConfigSources } from "./coordinator-config.ts";
import type { ConfigProblem } from "./setting-sources.ts";

/** What a configuration that was read anew means for a coordinator that runs. */
export type ConfigDifference = {
  /** Settings that differ and can change while it runs. */
  readonly changed: readonly ConfigKeyName[];
  /** Those that differ and cannot: with any of them nothing is taken up. */
  readonly problems: readonly ConfigProblem[];
};

/** Settings that only the first start of a database reads make no difference. Values are not named: some are secret. */
export function configDifference(
  running: CoordinatorConfig,
  wanted: CoordinatorConfig,
  sources: ConfigSources,
): ConfigDifference {
  const different = configKeyNames.filter((name) => running[name] !== wanted[name]);
  const problems = different
    .filter((name) => CONFIG_KEYS[name].changes === "restart")
    .map((key) => ({
      key,
      source: sources[key],
      problem: "is not what the coordinator runs with, and cannot change while it runs",
      wanted: "the value that it runs with; or start the coordinator again",
    }));
  return { changed: different.filter((name) => CONFIG_KEYS[name].changes === "running"), problems };
}
