const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;

/** The names that a command line's {{NAME}} stand for. */
export function placeholdersIn(commandLine: string): string[] {
  return [...new Set([...commandLine.matchAll(PLACEHOLDER)].map((found) => found[1] ?? ""))];
}

/**
 * Puts values in the place of {{NAME}}, each as one quoted word of a POSIX shell, so that no value can end its word and
 * become a command; a placeholder therefore stands outside of quotes. One without a value stays as it is.
 */
export function fillStartup(commandLine: string, values: ReadonlyMap<string, string>): string {
  return commandLine.replace(PLACEHOLDER, (whole, name: string) => {
    const value = values.get(name);
    return value === undefined ? whole : shellWord(value);
  });
}

/** A text as one quoted word of a POSIX shell. */
export function shellWord(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
