import { type ConfigChange, changedValue, valueText } from "./config-value.ts";

type Entry = { readonly key: string; readonly value: string; readonly first: number; readonly last: number };

/** Sets keys of a Java properties file. Comments, order and what is not set stay to the letter; new keys go to the end. */
export function editProperties(text: string, changes: readonly ConfigChange[]): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text === "" ? [] : text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  for (const change of changes) {
    const found = entriesOf(lines).filter(({ key }) => key === change.match);
    // Of a key that stands twice the last counts.
    const value = changedValue(change, found.at(-1)?.value ?? null);
    if (value === undefined) continue;
    const line = `${escaped(change.match, true)}=${escaped(valueText(value), false)}`;
    const [first] = found;
    if (first === undefined) {
      lines.push(line);
      continue;
    }
    for (const again of found.slice(1).reverse()) lines.splice(again.first, again.last - again.first + 1);
    lines.splice(first.first, first.last - first.first + 1, line);
  }
  return lines.length === 0 ? "" : lines.join(eol) + eol;
}

function entriesOf(lines: readonly string[]): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const first = at;
    let logical = (lines[at] ?? "").trimStart();
    if (logical === "" || logical.startsWith("#") || logical.startsWith("!")) continue;
    // An odd number of backslashes at its end goes on in the next line.
    while (endsInBackslash(logical) && at + 1 < lines.length) {
      at += 1;
      logical = logical.slice(0, -1) + (lines[at] ?? "").trimStart();
    }
    entries.push({ ...keyAndValue(logical), first, last: at });
  }
  return entries;
}

function endsInBackslash(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === "\\") count += 1;
  return count % 2 === 1;
}

function keyAndValue(line: string): { readonly key: string; readonly value: string } {
  let end = 0;
  while (end < line.length && !/[=:\s]/.test(line[end] ?? "")) end += line[end] === "\\" ? 2 : 1;
  let from = end;
  while (/[ \t\f]/.test(line[from] ?? "")) from += 1;
  if (line[from] === "=" || line[from] === ":") from += 1;
  while (/[ \t\f]/.test(line[from] ?? "")) from += 1;
  return { key: unescaped(line.slice(0, end)), value: unescaped(line.slice(from)) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_, what: string) =>
    what.length === 5 ? String.fromCharCode(Number.parseInt(what.slice(1), 16)) : (ESCAPES[what] ?? what),
  );
}

/** Characters beyond ASCII stay: servers of today read these files as UTF-8. */
function escaped(text: string, isKey: boolean): string {
  const plain = text
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replaceAll("\f", "\\f");
  if (!isKey) return plain.replace(/^ /, "\\ ");
  return plain.replace(/[ =:]/g, (character) => `\\${character}`).replace(/^[#!]/, (character) => `\\${character}`);
}
