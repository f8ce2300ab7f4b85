import { DocumentFault, demandStorable, placeIn } from "./document-fault.ts";
import { DOCUMENT_DEPTH_MAX, DOCUMENT_VALUES_MAX, type DocumentRecord, type DocumentValue } from "./document-value.ts";

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\r\n]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

export type JsonReading = {
  readonly value: DocumentValue;
  /** Keys that stand twice in one object; the last one counts, as panels have it. */
  readonly repeatedKeys: readonly string[];
};

/**
 * Reads JSON into a document: in order, with every whole number exact, at most DOCUMENT_DEPTH_MAX deep and with at most
 * DOCUMENT_VALUES_MAX values, in time that grows with the text alone. Throws DocumentFault.
 */
export function readJson(text: string): JsonReading {
  return new JsonReader(text).whole();
}

class JsonReader {
  readonly #text: string;
  readonly #repeated: string[] = [];
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): JsonReading {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail("something follows the end of the JSON");
    return { value, repeatedKeys: this.#repeated };
  }

  #value(depth: number): DocumentValue {
    this.#space();
    this.#count();
    const letter = this.#text[this.#at];
    if (letter === "{" || letter === "[") {
      if (depth >= DOCUMENT_DEPTH_MAX) this.#fail(`more than ${DOCUMENT_DEPTH_MAX} levels within one another`);
      this.#at += 1;
      return letter === "{" ? this.#record(depth + 1) : this.#list(depth + 1);
    }
    if (letter === '"') return this.#string();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    return this.#number();
  }

  #record(depth: number): DocumentRecord {
    const record: DocumentRecord = new Map();
    this.#space();
    if (this.#takes("}")) return record;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#fail("a key in double quotes is missing");
      this.#count();
      const key = this.#string();
      this.#space();
      if (!this.#takes(":")) this.#fail(`":" is missing after a key`);
      if (record.has(key)) this.#repeated.push(key);
      record.set(key, this.#value(depth));
      this.#space();
      if (this.#takes("}")) return record;
      if (!this.#takes(",")) this.#fail(`"," or "}" is missing`);
    }
  }

  #list(depth: number): DocumentValue[] {
    const list: DocumentValue[] = [];
    this.#space();
    if (this.#takes("]")) return list;
    for (;;) {
      list.push(this.#value(depth));
      this.#space();
      if (this.#takes("]")) return list;
      if (!this.#takes(",")) this.#fail(`"," or "]" is missing`);
    }
  }

  #string(): string {
    const begun = this.#at;
    let text = "";
    this.#at += 1;
    for (;;) {
      text += this.#match(PLAIN);
      const letter = this.#text[this.#at];
      if (letter === '"') break;
      if (letter !== "\\") this.#fail(letter === undefined ? "a string does not end" : "a raw control character");
      text += this.#escape();
    }
    this.#at += 1;
    demandStorable(text, placeIn(this.#text, begun));
    return text;
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail("\\u without four hexadecimal digits");
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (meant === undefined) this.#fail("an escape that JSON does not have");
    this.#at += 2;
    return meant ?? "";
  }

  #number(): number | bigint {
    const digits = this.#match(NUMBER);
    if (digits === "") this.#fail(this.#at >= this.#text.length ? "the text ends too early" : "this is no JSON");
    const number = Number(digits);
    const isWhole = /^-?\d+$/.test(digits);
    if (isWhole && !Number.isSafeInteger(number) && String(number) !== digits) return BigInt(digits);
    if (!Number.isFinite(number)) this.#fail("a number that is too large");
    return number;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #takes(letter: string): boolean {
    if (this.#text[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > DOCUMENT_VALUES_MAX) this.#fail(`more than ${DOCUMENT_VALUES_MAX} values`);
  }

  #fail(reason: string): never {
    throw new DocumentFault(`${placeIn(this.#text, this.#at)}: ${reason}`);
  }
}
