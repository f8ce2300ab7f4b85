import { isIP, isIPv4, isIPv6 } from "node:net";
import { PATTERN_VALUE_MAX, type PatternOutcome, searchPattern } from "../egg-pattern.ts";
import { type ScriptPattern, scriptPattern } from "./php-pattern.ts";
import { parseRule, type Rule } from "./rule.ts";

/** How one rule is checked. */
type Check = {
  /** Whether the rule's parameters make sense; one whose do not is unchecked. */
  readonly sound: (rule: Rule) => boolean;
  /** What it demands, after "must". `numeric`: the value counts as a number, not as text. */
  readonly demand: (rule: Rule, numeric: boolean) => string;
  readonly holds: (value: string, rule: Rule, numeric: boolean, budget: PatternBudget) => boolean;
};

/** What all patterns of one egg together may take of the thread's time, in milliseconds: each alone may take 250. */
const PATTERNS_MS_MAX = 1_000;

/** The time that is left for an egg's patterns; what does not fit any more counts as too slow. */
export class PatternBudget {
  #leftMs = PATTERNS_MS_MAX;

  search(pattern: ScriptPattern, value: string): PatternOutcome {
    if (this.#leftMs <= 0) return "too_slow";
    const before = process.threadCpuUsage();
    const outcome = searchPattern(pattern, value);
    const { user, system } = process.threadCpuUsage(before);
    this.#leftMs -= (user + system) / 1_000;
    return outcome;
  }
}

/** Rules that make the others look at the number instead of the length. */
const NUMERIC_RULES = ["numeric", "integer", "decimal"];
/** Rules that demand nothing of a value that is there. */
const SILENT_RULES = ["required", "nullable", "string", "sometimes", "bail", "present", "filled", ""];

/** Whether the rules demand a value. */
export function isRequired(rules: readonly string[]): boolean {
  return rules.some((rule) => parseRule(rule).name === "required");
}

/** The rules that are not checked: unknown here, with parameters that make no sense, or a pattern that is PHP's alone. */
export function uncheckedRules(rules: readonly string[]): string[] {
  return rules.filter((text) => {
    const rule = parseRule(text);
    return !SILENT_RULES.includes(rule.name) && checkOf(rule)?.sound(rule) !== true;
  });
}

/**
 * The first rule that a value breaks, in words that begin with "must" or "cannot"; null when it breaks none that can be checked.
 * A value of blanks alone breaks nothing: whether there must be one is isRequired's. Never repeats the value. Takes of the budget
 * what patterns take.
 */
export function brokenRule(rules: readonly string[], value: string, budget: PatternBudget): string | null {
  if (value.trim() === "") return null;
  const parsed = rules.map(parseRule);
  const numeric = parsed.some(({ name }) => NUMERIC_RULES.includes(name));
  for (const rule of parsed) {
    const check = checkOf(rule);
    if (check?.sound(rule) !== true) continue;
    const pattern = rule.name === "regex" || rule.name === "notregex";
    if (pattern && value.length > PATTERN_VALUE_MAX) return `must have at most ${PATTERN_VALUE_MAX} characters`;
    try {
      if (!check.holds(value, rule, numeric, budget)) return `must ${check.demand(rule, numeric)}`;
    } catch (thrown) {
      if (!(thrown instanceof TooSlow)) throw thrown;
      return `cannot be checked: the egg's rule ${rule.text} takes too long on it; give a simpler value or mend the egg`;
    }
  }
  return null;
}

class TooSlow extends Error {}

function checkOf({ name }: Rule): Check | undefined {
  return Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
}

const length = (text: string): number => [...text].length;
const amount = (text: string): number => (isNumeric(text) ? Number(text) : Number.NaN);
const isNumeric = (text: string): boolean => /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(text);
const isWhole = (text: string): boolean => /^\s*(?:[+-]?[1-9]\d*|[+-]?0)\s*$/.test(text);
const isCount = (text: string | undefined): boolean => /^\s*\d{1,9}\s*$/.test(text ?? "");
const numbers = (count: number) => (rule: Rule) =>
  rule.parameters.length === count && rule.parameters.every((parameter) => isNumeric(parameter));
const counts = (count: number) => (rule: Rule) => rule.parameters.length === count && rule.parameters.every(isCount);
const always = () => true;
const listed = (rule: Rule) => rule.parameters.length > 0;
const first = (rule: Rule): number => Number(rule.parameters[0]);
const second = (rule: Rule): number => Number(rule.parameters[1]);
const sizeOf = (value: string, numeric: boolean): number => (numeric ? amount(value) : length(value));
const names = (rule: Rule): string => rule.parameters.map((parameter) => JSON.stringify(parameter)).join(", ");

function matching(pattern: RegExp, demand: string): Check {
  return { sound: always, demand: () => demand, holds: (value) => pattern.test(value) };
}

function simple(demand: string, holds: (value: string) => boolean): Check {
  return { sound: always, demand: () => demand, holds };
}

function sized(words: (rule: Rule) => string, holds: (size: number, rule: Rule) => boolean, parameters = 1): Check {
  return {
    sound: numbers(parameters),
    demand: (rule, numeric) => (numeric ? `be ${words(rule)}` : `have ${words(rule)} characters`),
    holds: (value, rule, numeric) => holds(sizeOf(value, numeric), rule),
  };
}

function digits(words: (rule: Rule) => string, holds: (count: number, rule: Rule) => boolean, parameters = 1): Check {
  return {
    sound: counts(parameters),
    demand: (rule) => `have ${words(rule)} digits and nothing else`,
    holds: (value, rule) => /^\d+$/.test(value) && holds(value.length, rule),
  };
}

/** Letters that count: the whole world's, or with :ascii the English ones alone. */
function letters(ascii: RegExp, all: RegExp, what: string): Check {
  const isAscii = (rule: Rule): boolean => rule.argument.trim() === "ascii";
  return {
    sound: (rule) => rule.argument === "" || isAscii(rule),
    demand: (rule) => `hold only ${isAscii(rule) ? "English " : ""}${what}`,
    holds: (value, rule) => (isAscii(rule) ? ascii : all).test(value),
  };
}

function affix(words: string, has: (value: string, affix: string) => boolean, wanted: boolean): Check {
  return {
    sound: listed,
    demand: (rule) => `${words} ${wanted ? "one" : "none"} of ${names(rule)}`,
    holds: (value, rule) => rule.parameters.some((one) => one !== "" && has(value, one)) === wanted,
  };
}

function patterned(demand: string, wanted: boolean): Check {
  return {
    sound: ({ argument }) => {
      const pattern = scriptPattern(argument);
      return pattern !== null && isPattern(pattern);
    },
    demand: ({ argument }) => `${demand} ${argument}`,
    holds(value, { argument }, _numeric, budget) {
      const pattern = scriptPattern(argument);
      const outcome = pattern === null ? "malformed" : budget.search(pattern, value);
      if (outcome === "too_slow") throw new TooSlow();
      return outcome === "malformed" || (outcome === "matches") === wanted;
    },
  };
}

/** Only reads the pattern; it is compiled when it is first used. */
function isPattern({ source, flags }: ScriptPattern): boolean {
  try {
    return new RegExp(source, flags) instanceof RegExp;
  } catch {
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const CHECKS: Readonly<Record<string, Check>> = {
  integer: simple("be a whole number", isWhole),
  numeric: simple("be a number", isNumeric),
  boolean: simple("be 1 or 0 (true or false)", (value) => ["1", "0", "true", "false"].includes(value.toLowerCase())),
  accepted: simple("be yes, on, 1 or true", (value) => ["yes", "on", "1", "true"].includes(value)),
  declined: simple("be no, off, 0 or false", (value) => ["no", "off", "0", "false"].includes(value)),
  decimal: {
    sound: (rule) => counts(1)(rule) || counts(2)(rule),
    demand: (rule) => `be a number with ${rule.parameters.join(" to ")} decimal places`,
    holds(value, rule) {
      const places = /^[+-]?\d*\.?(\d*)$/.exec(value)?.[1]?.length ?? -1;
      const most = rule.parameters.length > 1 ? second(rule) : first(rule);
      return isNumeric(value) && places >= first(rule) && places <= most;
    },
  },
  multipleof: {
    sound: (rule) => numbers(1)(rule) && first(rule) !== 0,
    demand: (rule) => `be a multiple of ${rule.argument.trim()}`,
    holds: (value, rule) => isNumeric(value) && Number.isInteger(amount(value) / first(rule)),
  },
  min: sized(
    (rule) => `at least ${first(rule)}`,
    (size, rule) => size >= first(rule),
  ),
  max: sized(
    (rule) => `at most ${first(rule)}`,
    (size, rule) => size <= first(rule),
  ),
  gt: sized(
    (rule) => `more than ${first(rule)}`,
    (size, rule) => size > first(rule),
  ),
  gte: sized(
    (rule) => `at least ${first(rule)}`,
    (size, rule) => size >= first(rule),
  ),
  lt: sized(
    (rule) => `less than ${first(rule)}`,
    (size, rule) => size < first(rule),
  ),
  lte: sized(
    (rule) => `at most ${first(rule)}`,
    (size, rule) => size <= first(rule),
  ),
  size: sized(
    (rule) => `exactly ${first(rule)}`,
    (size, rule) => size === first(rule),
  ),
  between: sized(
    (rule) => `${first(rule)} to ${second(rule)}`,
    (size, rule) => size >= first(rule) && size <= second(rule),
    2,
  ),
  digits: digits(
    (rule) => `exactly ${first(rule)}`,
    (count, rule) => count === first(rule),
  ),
  digitsbetween: digits(
    (rule) => `${first(rule)} to ${second(rule)}`,
    (count, rule) => count >= first(rule) && count <= second(rule),
    2,
  ),
  mindigits: digits(
    (rule) => `at least ${first(rule)}`,
    (count, rule) => count >= first(rule),
  ),
  maxdigits: digits(
    (rule) => `at most ${first(rule)}`,
    (count, rule) => count <= first(rule),
  ),
  in: {
    sound: listed,
    demand: (rule) => `be one of ${names(rule)}`,
    holds: (value, rule) => rule.parameters.includes(value),
  },
  notin: {
    sound: listed,
    demand: (rule) => `be none of ${names(rule)}`,
    holds: (value, rule) => !rule.parameters.includes(value),
  },
  regex: patterned("match", true),
  notregex: patterned("not match", false),
  alpha: letters(/^[a-zA-Z]+$/, /^[\p{L}\p{M}]+$/u, "letters"),
  alphanum: letters(/^[a-zA-Z0-9]+$/, /^[\p{L}\p{M}\p{N}]+$/u, "letters and digits"),
  alphadash: letters(/^[a-zA-Z0-9_-]+$/, /^[\p{L}\p{M}\p{N}_-]+$/u, 'letters, digits, "-" and "_"'),
  ascii: matching(/^[\0-\x7f]*$/, "hold only ASCII characters"),
  lowercase: simple("be in lower case", (value) => value === value.toLowerCase()),
  uppercase: simple("be in upper case", (value) => value === value.toUpperCase()),
  url: simple("be a URL", (value) => /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]/i.test(value) && URL.canParse(value)),
  ip: simple("be an IP address", (value) => isIP(value) !== 0),
  ipv4: simple("be an IPv4 address", isIPv4),
  ipv6: simple("be an IPv6 address", isIPv6),
  email: matching(/^[^\s@]{1,64}@[^\s@]{1,255}$/, "be an e-mail address"),
  macaddress: matching(/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i, "be a MAC address"),
  hexcolor: matching(/^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i, "be a colour such as #a0b1c2"),
  uuid: {
    ...matching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "be a UUID"),
    sound: (rule) => rule.argument === "",
  },
  json: simple("be JSON", isJson),
  startswith: affix("begin with", (value, one) => value.startsWith(one), true),
  endswith: affix("end with", (value, one) => value.endsWith(one), true),
  doesntstartwith: affix("begin with", (value, one) => value.startsWith(one), false),
  doesntendwith: affix("end with", (value, one) => value.endsWith(one), false),
};
