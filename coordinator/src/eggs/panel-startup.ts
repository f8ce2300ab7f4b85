import { SERVER_FOLDER } from "./interchange/panel-defaults.ts";
import { shellWord } from "./startup-template.ts";

/** What panels call by other names than the environment does. */
const NAMES: Readonly<Record<string, string>> = {
  "server.build.default.port": "SERVER_PORT",
  "server.allocations.default.port": "SERVER_PORT",
  "server.build.default.ip": "SERVER_IP",
  "server.allocations.default.ip": "SERVER_IP",
  "server.build.memory": "SERVER_MEMORY",
  "server.build.memory_limit": "SERVER_MEMORY",
};
export const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}/g;
const VARIABLE = /^(?:(?:server\.build\.)?env\.|server\.environment\.)?([A-Za-z_][A-Za-z0-9_]*)$/;

/** The environment variable that a panel's {{placeholder}} stands for; null for one that Lormas cannot fill. */
export function variableOf(placeholder: string): string | null {
  return NAMES[placeholder] ?? VARIABLE.exec(placeholder)?.[1] ?? null;
}

/** The placeholders of a command for which there is no value. */
export function unfilledPlaceholders(command: string): string[] {
  const names = [...command.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);
  return [...new Set(names.filter((name) => variableOf(name) === null))];
}

/**
 * A panel's startup command with every {{VARIABLE}} as `open`NAME`close`. As ${NAME} the shell puts the value in, wherever in its
 * quotes it stands, and never reads it as a command.
 */
function withVariables(command: string, open: string, close: string): string {
  return command.replace(PLACEHOLDER, (whole, name: string) => {
    const variable = variableOf(name);
    return variable === null ? whole : open + variable + close;
  });
}

/** The command as the images' own entrypoints take it, from STARTUP: every placeholder as {{NAME}}. */
export function startupVariable(command: string): string {
  return withVariables(command, "{{", "}}");
}

/**
 * What starts a panel's image: its own entrypoint, where it is in the images' usual place and reads STARTUP, under their tini;
 * otherwise the command itself, by bash where there is one, for which eggs are written.
 */
export function panelStartup(command: string): string {
  const own = shellWord(withVariables(command, "$" + "{", "}"));
  return [
    `cd ${SERVER_FOLDER} 2>/dev/null`,
    "shell=$(command -v bash || command -v sh)",
    'if [ -f /entrypoint.sh ]; then if tini=$(command -v tini); then set -- "$tini" -g --; fi; exec "$@" "$shell" /entrypoint.sh; fi',
    `exec "$shell" -c ${own}`,
  ].join("\n");
}
