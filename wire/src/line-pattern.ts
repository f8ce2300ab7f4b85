/** Characters of a line that count; what is behind them is not looked at. */
export const LINE_CHARS_MAX = 2_048;
/** Longest expression, and the most steps that it may become: together with the line they bound the work of one look. */
export const PATTERN_CHARS_MAX = 1_024;
const STEPS_MAX = 512;
/**
 * What all expressions of one container may weigh together, and so one alone: a step weighs 1, one that looks at a character as
 * many as it has members to compare it with.
 */
export const PATTERN_WEIGHT_MAX = 4_096;
/** Parts of an expression that are laid out, every repetition of each: empty ones make no step, and would count for nothing. */
export const BUILDS_MAX = 65_536;
/** After so much work, in visits of a step by its weight, a search lets others have their turn. */
const SLICE_WORK = 16_384;
/** Work between two such turns at most: that, and what one more character can cost. */
export const SEARCH_WORK_MAX = SLICE_WORK + 4 * PATTERN_WEIGHT_MAX;
/** A repetition of more is refused. */
const REPEATS_MAX = 256;
const DEPTH_MAX = 32;

type CharacterTest = ((code: number) => boolean) & {
  /** With how many members a character is compared; 1 where it is not said. */
  weight?: number;
};

type Step =
  | { readonly kind: "character"; readonly fits: CharacterTest; next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "start" | "end"; next: number }
  | { readonly kind: "found" };

type Node =
  | { readonly kind: "character"; readonly fits: CharacterTest }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence" | "either"; readonly parts: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly least: number; readonly most: number };

/** Thrown while an expression is read that is none, or is one of those that are not known here. */
class Unknown extends Error {}

/**
 * A regular expression that is looked for in a line of output. It runs as a set of states, all at once (Thompson), so its work is
 * bounded by the product of its steps and the line's characters, whatever the two are: what a container prints cannot hold up the
 * agent that reads it. What cannot run so, references and lookaround, is not known.
 */
export class LinePattern {
  /** See PATTERN_WEIGHT_MAX. */
  readonly weight: number;
  /** How many parts were laid out for it; at most BUILDS_MAX. */
  readonly builds: number;
  readonly #steps: readonly Step[];

  private constructor({ steps, weight, builds }: StepList) {
    [this.#steps, this.weight, this.builds] = [steps, weight, builds];
  }

  /** Null when the source is no expression of this kind, or is too long. */
  static of(source: string): LinePattern | null {
    if (source.length === 0 || source.length > PATTERN_CHARS_MAX) return null;
    const ignoreCase = source.startsWith("(?i)");
    try {
      const tree = new PatternReader(ignoreCase ? source.slice(4) : source, ignoreCase).read();
      const list: StepList = { steps: [], weight: 0, builds: 0 };
      build(tree, list);
      append(list, { kind: "found" });
      return new LinePattern(list);
    } catch (thrown) {
      if (thrown instanceof Unknown) return null;
      throw thrown;
    }
  }

  /** Whether it is found anywhere in the first LINE_CHARS_MAX characters. All of the work is done at once: see `search`. */
  foundIn(line: string): boolean {
    const search = this.search(line);
    let part = search.next();
    while (!part.done) part = search.next();
    return part.value;
  }

  /**
   * The same in parts: yields the work that was done since the last time, at most SEARCH_WORK_MAX, and at the end whether it was
   * found. In all it is at most four times the weight for each character.
   */
  *search(line: string): Generator<number, boolean> {
    const text = line.slice(0, LINE_CHARS_MAX);
    const look: Look = { at: 0, length: text.length, seen: new Uint8Array(0), present: [], work: 0 };
    let states: number[] = [];
    for (; look.at <= text.length; look.at += 1) {
      look.seen = new Uint8Array(this.#steps.length);
      look.present = [];
      // It may begin at every character.
      if ([...states, 0].some((state) => this.#enter(state, look))) {
        yield look.work;
        return true;
      }
      if (look.at === text.length) break;
      states = this.#taken(text.charCodeAt(look.at), look);
      if (look.work < SLICE_WORK) continue;
      yield look.work;
      look.work = 0;
    }
    yield look.work;
    return false;
  }

  /** The states behind those that take the character. */
  #taken(code: number, look: Look): number[] {
    const states: number[] = [];
    for (const state of look.present) {
      const step = this.#steps[state];
      if (step?.kind !== "character") continue;
      look.work += step.fits.weight ?? 1;
      if (step.fits(code)) states.push(step.next);
    }
    return states;
  }

  /** Follows what needs no character; true when the end of the expression is reached. */
  #enter(from: number, look: Look): boolean {
    const open = [from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      look.work += 1;
      if (look.seen[state] === 1) continue;
      look.seen[state] = 1;
      const step = this.#steps[state];
      if (step === undefined || step.kind === "found") return true;
      if (step.kind === "character") look.present.push(state);
      else if (step.kind === "split") open.push(step.next, step.other);
      else if (step.kind === "start" ? look.at === 0 : look.at === look.length) open.push(step.next);
    }
    return false;
  }
}

/** Where a search is. */
type Look = { at: number; readonly length: number; seen: Uint8Array; present: number[]; work: number };

type StepList = { readonly steps: Step[]; weight: number; builds: number };

function append(list: StepList, step: Step): number {
  list.weight += step.kind === "character" ? (step.fits.weight ?? 1) : 1;
  if (list.steps.length >= STEPS_MAX || list.weight > PATTERN_WEIGHT_MAX) throw new Unknown();
  list.steps.push(step);
  return list.steps.length - 1;
}

/** Lays out the steps of a tree behind those that are there; each goes on with what is laid out after it. */
function build(node: Node, list: StepList): void {
  list.builds += 1;
  if (list.builds > BUILDS_MAX) throw new Unknown();
  switch (node.kind) {
    case "character":
      append(list, { kind: "character", fits: node.fits, next: list.steps.length + 1 });
      return;
    case "start":
    case "end":
      append(list, { kind: node.kind, next: list.steps.length + 1 });
      return;
    case "sequence":
      for (const part of node.parts) build(part, list);
      return;
    case "either":
      return buildEither(node.parts, list);
    case "repeat":
      return buildRepeat(node, list);
    default:
      node satisfies never;
  }
}

function buildEither(parts: readonly Node[], list: StepList): void {
  const [first, ...rest] = parts;
  if (first === undefined) return;
  if (rest.length === 0) return build(first, list);
  const { steps } = list;
  const split = append(list, { kind: "split", next: steps.length + 1, other: 0 });
  build(first, list);
  // A split of which both ways are one is a jump.
  const jump = append(list, { kind: "split", next: 0, other: 0 });
  Object.assign(steps[split] as Step, { other: steps.length });
  buildEither(rest, list);
  Object.assign(steps[jump] as Step, { next: steps.length, other: steps.length });
}

function buildRepeat({ part, least, most }: Extract<Node, { kind: "repeat" }>, list: StepList): void {
  const { steps } = list;
  const before = steps.length;
  for (let count = 0; count < least; count += 1) {
    build(part, list);
    // What is nothing once is nothing any number of times.
    if (steps.length === before) return;
  }
  if (most === Number.POSITIVE_INFINITY) {
    const split = append(list, { kind: "split", next: steps.length + 1, other: 0 });
    build(part, list);
    append(list, { kind: "split", next: split, other: split });
    Object.assign(steps[split] as Step, { other: steps.length });
    return;
  }
  const splits: number[] = [];
  for (let count = least; count < most; count += 1) {
    splits.push(append(list, { kind: "split", next: steps.length + 1, other: 0 }));
    build(part, list);
  }
  for (const split of splits) Object.assign(steps[split] as Step, { other: steps.length });
}

const isDigit: CharacterTest = (code) => code >= 48 && code <= 57;
const isWord: CharacterTest = (code) =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const isSpace: CharacterTest = (code) => code === 32 || (code >= 9 && code <= 13);
const not =
  (fits: CharacterTest): CharacterTest =>
  (code) =>
    !fits(code);
const CLASSES: Readonly<Record<string, CharacterTest>> = {
  ...{ d: isDigit, w: isWord, s: isSpace },
  ...{ D: not(isDigit), W: not(isWord), S: not(isSpace) },
};
const CONTROLS: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f", v: "\v" };

class PatternReader {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
  }

  read(): Node {
    const tree = this.#either();
    if (this.#at < this.#source.length) throw new Unknown(); // A ")" that closes nothing.
    return tree;
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #take(): string {
    const character = this.#peek();
    if (character === "") throw new Unknown();
    this.#at += 1;
    return character;
  }

  #either(): Node {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new Unknown();
    const parts = [this.#sequence()];
    while (this.#peek() === "|") {
      this.#at += 1;
      parts.push(this.#sequence());
    }
    this.#depth -= 1;
    return { kind: "either", parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#peek() !== "" && this.#peek() !== "|" && this.#peek() !== ")") parts.push(this.#repeated());
    return { kind: "sequence", parts };
  }

  #repeated(): Node {
    const part = this.#atom();
    const bounds = this.#repetition();
    if (bounds === null) return part;
    if (part.kind === "start" || part.kind === "end") throw new Unknown();
    // Whether it takes much or little first makes no difference to whether it is found.
    if (this.#peek() === "?") this.#at += 1;
    if (this.#repetition() !== null) throw new Unknown();
    return { kind: "repeat", part, ...bounds };
  }

  #repetition(): { readonly least: number; readonly most: number } | null {
    const rest = this.#source.slice(this.#at, this.#at + 16);
    const [whole = "", simple = "", least = "", comma = "", most = ""] =
      /^(?:([*+?])|\{(\d{1,4})(,?)(\d{0,4})\})/.exec(rest) ?? [];
    if (whole === "") return null;
    this.#at += whole.length;
    if (simple === "?") return { least: 0, most: 1 };
    if (simple !== "") return { least: simple === "*" ? 0 : 1, most: Number.POSITIVE_INFINITY };
    const from = Number(least);
    const to = comma === "" ? from : most === "" ? Number.POSITIVE_INFINITY : Number(most);
    if (to < from || from > REPEATS_MAX || (to !== Number.POSITIVE_INFINITY && to > REPEATS_MAX)) throw new Unknown();
    return { least: from, most: to };
  }

  #atom(): Node {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "character", fits: this.#class() };
      case ".":
        return { kind: "character", fits: (code) => code !== 10 };
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "\\":
        return { kind: "character", fits: this.#escape() };
      case "*":
      case "+":
      case "?":
        throw new Unknown();
      default:
        return { kind: "character", fits: this.#range(character, character) };
    }
  }

  #group(): Node {
    if (this.#peek() === "?") {
      if (!this.#source.startsWith("?:", this.#at)) throw new Unknown();
      this.#at += 2;
    }
    const inner = this.#either();
    if (this.#take() !== ")") throw new Unknown();
    return inner;
  }

  #escape(): CharacterTest {
    const letter = this.#take();
    return CLASSES[letter] ?? this.#literal(letter);
  }

  #literal(letter: string): CharacterTest {
    const character = this.#escaped(letter);
    return this.#range(character, character);
  }

  #escaped(letter: string): string {
    if (CONTROLS[letter] !== undefined) return CONTROLS[letter];
    // Every other letter, and every digit, means something that is not known here.
    if (/[A-Za-z0-9]/.test(letter)) throw new Unknown();
    return letter;
  }

  #range(from: string, to: string): CharacterTest {
    const least = from.charCodeAt(0);
    const most = to.charCodeAt(0);
    if (least > most) throw new Unknown();
    if (!this.#ignoreCase) return (code) => code >= least && code <= most;
    const within = (code: number) => code >= least && code <= most;
    return (code) => {
      const character = String.fromCharCode(code);
      return (
        within(code) || within(character.toLowerCase().charCodeAt(0)) || within(character.toUpperCase().charCodeAt(0))
      );
    };
  }

  #class(): CharacterTest {
    const isNegated = this.#peek() === "^";
    if (isNegated) this.#at += 1;
    const tests: CharacterTest[] = [];
    do {
      if (this.#source.startsWith("[:", this.#at)) throw new Unknown();
      const first = this.#take();
      const escaped = first === "\\" ? this.#take() : null;
      const known = escaped === null ? undefined : CLASSES[escaped];
      if (known !== undefined) {
        tests.push(known);
        continue;
      }
      const from = escaped === null ? first : this.#escaped(escaped);
      const isRange = this.#peek() === "-" && !["]", ""].includes(this.#source[this.#at + 1] ?? "");
      if (!isRange) {
        tests.push(this.#range(from, from));
        continue;
      }
      this.#at += 1;
      const last = this.#take();
      tests.push(this.#range(from, last === "\\" ? this.#escaped(this.#take()) : last));
    } while (this.#peek() !== "]");
    this.#at += 1;
    const fits: CharacterTest = (code) => tests.some((test) => test(code));
    return Object.assign(isNegated ? not(fits) : fits, { weight: tests.length });
  }
}

/** What a line of Equipment.ready.lines looks for. */
export type ReadyLine = { readonly text: string } | { readonly pattern: LinePattern };

const REGEX_PREFIX = "regex:";

/** A part of a line, or "regex:" and an expression; null for an expression that is not known. */
export function readyLineOf(line: string): ReadyLine | null {
  if (!line.startsWith(REGEX_PREFIX) || line.length === REGEX_PREFIX.length) return { text: line };
  const pattern = LinePattern.of(line.slice(REGEX_PREFIX.length));
  return pattern && { pattern };
}

/** What the lines weigh together: see PATTERN_WEIGHT_MAX. Texts, and expressions that are not known, weigh nothing. */
export function readyWeight(lines: readonly string[]): number {
  return lines.reduce((sum, line) => {
    const ready = readyLineOf(line);
    return ready && "pattern" in ready ? sum + ready.pattern.weight : sum;
  }, 0);
}
