import type { ConfigValue } from "./config-value.ts";

const PLACEHOLDER = /\{\{\s*(?:env\.([A-Za-z_][A-Za-z0-9_]*)|(config\.docker\.interface))\s*\}\}/g;

/** A value with {{env.NAME}} and {{config.docker.interface}} filled; a variable that there is not is empty. */
export function filled(value: ConfigValue, env: Readonly<Record<string, string>>, address: string): ConfigValue {
  if (typeof value !== "string") return value;
  return value.replace(PLACEHOLDER, (_, name: string | undefined) =>
    name === undefined ? address : Object.hasOwn(env, name) ? (env[name] ?? "") : "",
  );
}
