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
  /** The parts so far of a pattern whose end has not come yet, and what ends it. */
  let open: { readonly parts: string[]; readonly closing: string } | null = null;
  for (const part of line.split("|")) {
    if (open !== null) {
      open.parts.push(part);
      if (!endsIn(part, open.closing)) continue;
      rules.push(open.parts.join("|"));
      open = null;
      continue;
    }
    const pattern = /^\s*(?:not_?)?regex\s*:(.*)$/is.exec(part)?.[1]?.trimStart() ?? "";
    const closing = closingOf(pattern);
    if (closing === null || endsIn(pattern.slice(1), closing)) rules.push(part);
    else open = { parts: [part], closing };
  }
  // A pattern that nothing ends: Laravel's way of cutting is as good as any.
  return open === null ? rules : [...rules, ...open.parts];
}

/** What ends a pattern that begins so; null: nothing, it is no pattern with delimiters. */
function closingOf(pattern: string): string | null {
  const opening = pattern[0] ?? "";
  if (opening === "" || /[\w\s\\]/.test(opening)) return null;
  return ({ "(": ")", "[": "]", "{": "}", "<": ">" } as Record<string, string>)[opening] ?? opening;
}

/** Whether a pattern ends where this part of it does: nothing but its flags comes behind what ends it. */
function endsIn(part: string, closing: string): boolean {
  const text = part.trimEnd();
  const end = text.lastIndexOf(closing);
  return end >= 0 && /^[a-zA-Z]*$/.test(text.slice(end + closing.length)) && !isEscaped(text, end);
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
