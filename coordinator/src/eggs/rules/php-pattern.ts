/** A regular expression of JavaScript. */
export type ScriptPattern = { readonly source: string; readonly flags: string };

/** Longest pattern that is translated. */
export const PHP_PATTERN_MAX = 1_024;
/** A compiler unrolls counted repetition: what their product may be at most. */
const REPETITIONS_MAX = 20_000;

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}", "<": ">" };
/** PHP means something by these, and JavaScript another thing; what is an error to JavaScript need not stand here. */
const FOREIGN = /\\[GKXRQEHNCg]|\[:\^?[a-z]+:\]/;

/**
 * What "/^[a-z]+$/i", a regular expression of PHP with its delimiters, is in JavaScript. Null where that would not mean the same,
 * so that the rule must be called unchecked.
 */
export function scriptPattern(text: string): ScriptPattern | null {
  const trimmed = text.trim();
  const opening = trimmed[0] ?? "";
  if (trimmed.length > PHP_PATTERN_MAX || opening === "" || /[\w\s\\]/.test(opening)) return null;
  const end = trimmed.lastIndexOf(CLOSING[opening] ?? opening);
  if (end <= 0) return null;
  let body = trimmed.slice(1, end);
  const modifiers = trimmed.slice(end + 1);
  if (/[^imsuD]/.test(modifiers)) return null;
  let flags = [...new Set(modifiers.replaceAll("D", ""))].join("");
  if (body.startsWith("(?i)")) {
    body = body.slice(4);
    if (!flags.includes("i")) flags += "i";
  }
  const bare = withoutEscapedBackslashes(body);
  // The end of the text: the same as $ where $ does not mean the end of a line.
  const anchored = flags.includes("m") ? bare : bare.replace(/\\A/g, "").replace(/\\[zZ]/g, "");
  if (FOREIGN.test(anchored) || (flags.includes("m") && /\\[AzZ]/.test(bare))) return null;
  if (repetitions(bare) > REPETITIONS_MAX) return null;
  const source = eachEscape(body, (letter) => {
    if (letter === "A") return "^";
    if (letter === "z" || letter === "Z") return "$";
    if (letter === "h") return " \\t";
    return opening !== "/" && letter === opening && !/[\^$.*+?()[\]{}|]/.test(letter) ? letter : `\\${letter}`;
  }).replaceAll("(?P<", "(?<");
  // \h stands for two characters, which only a class can hold.
  if (/\\h/.test(bare) && !onlyInClasses(bare, "\\h")) return null;
  const needsUnicode = /\\[pPx]\{/.test(bare);
  const unicodeSource = source.replace(/\\x\{([0-9a-fA-F]{1,6})\}/g, "\\u{$1}");
  if (needsUnicode && !flags.includes("u")) flags += "u";
  return { source: needsUnicode ? unicodeSource : source, flags };
}

function withoutEscapedBackslashes(body: string): string {
  return body.replace(/\\\\/g, "__");
}

function eachEscape(body: string, meant: (letter: string) => string): string {
  return body.replace(/\\([\s\S])/g, (_, letter: string) => meant(letter));
}

function onlyInClasses(body: string, what: string): boolean {
  return !body.replace(/\[(?:\\[\s\S]|[^\]\\])*\]/g, "").includes(what);
}

/** The product of all counted repetitions: more than the compiler ever makes of them. */
function repetitions(body: string): number {
  let product = 1;
  for (const [, least, most] of body.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    product *= Math.max(1, Number(least), Number(most || 0));
  }
  return product;
}
