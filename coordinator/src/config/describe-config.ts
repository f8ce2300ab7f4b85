import { shownUrl } from "../store/migrate-database.ts";
import { CONFIG_KEYS, type CoordinatorConfig, configKeyNames } from "./config-keys.ts";

/** The configuration for people and logs: secrets masked, passwords in URLs too. */
export function describeConfig(config: CoordinatorConfig): Record<string, string | number | boolean | null> {
  const shown: Record<string, string | number | boolean | null> = {};
  for (const name of configKeyNames) {
    const value = config[name];
    shown[name] = value === null || !CONFIG_KEYS[name].secret ? value : "***";
  }
  if (config.databaseUrl !== null) shown["databaseUrl"] = shownUrl(config.databaseUrl);
  return shown;
}
