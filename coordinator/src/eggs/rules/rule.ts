/** One rule of a variable, as Laravel writes it: "max:20". */
export type Rule = {
  /** As the egg has it. */
  readonly text: string;
  /** Lower case, without what Laravel overlooks: "digitsbetween" for "digits_between" and "DigitsBetween". */
  readonly name: string;
  /** All behind the colon, as it is. */
  readonly argument: string;
  /** The same, taken apart at its commas; one in double quotes may hold commas. */
  readonly parameters: readonly string[];
};

const ALIASES: Readonly<Record<string, string>> = { int: "integer", bool: "boolean" };

/** Takes one rule apart. */
export function parseRule(text: string): Rule {
  const colon = text.indexOf(":");
  const raw = (colon < 0 ? text : text.slice(0, colon))
    .trim()
    .toLowerCase()
    .replace(/[_\s-]/g, "");
  const name = Object.hasOwn(ALIASES, raw) ? (ALIASES[raw] ?? raw) : raw;
  const argument = colon < 0 ? "" : text.slice(colon + 1);
  return { text, name, argument, parameters: colon < 0 ? [] : parametersOf(argument) };
}

/**
 * The rules of a line like "required|string|max:20". A "|" inside of a regular expression does not end its rule: Laravel would
 * end it there, with a pattern that is none, and no author can have meant that. Joining by "|" gives the line back.
 */
export function splitRules(line: string): string[] {
  if (line === "") return [];
  const rules: string[] = [];
  let open = "";
  for (const part of line.split("|")) {
    open = open === "" ? part : `${open}|${part}`;
    if (endsInsidePattern(open) && line.includes("|")) continue;
    rules.push(open);
    open = "";
  }
  // A pattern that nothing ends: Laravel's way of cutting is as good as any.
  return open === "" ? rules : [...rules, ...open.split("|")];
}

/** Whether a rule is a regular expression whose end has not come yet. */
function endsInsidePattern(rule: string): boolean {
  const pattern = /^\s*(?:not_?)?regex\s*:(.*)$/is.exec(rule)?.[1]?.trim();
  if (pattern === undefined || pattern === "") return false;
  const opening = pattern[0] ?? "";
  if (/[\w\s\\]/.test(opening)) return false;
  const closing = ({ "(": ")", "[": "]", "{": "}", "<": ">" } as Record<string, string>)[opening] ?? opening;
  const end = pattern.lastIndexOf(closing);
  return end <= 0 || !/^[a-zA-Z]*$/.test(pattern.slice(end + 1)) || isEscaped(pattern, end);
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === "\\") slashes += 1;
  return slashes % 2 === 1;
}

function parametersOf(argument: string): string[] {
  const parameters: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/y;
  for (;;) {
    const found = pattern.exec(argument);
    if (found === null) return argument.split(",");
    parameters.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === "") return parameters;
  }
}
