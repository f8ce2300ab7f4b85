import { type ConfigChange, changedValue, valueText } from "./config-value.ts";

/**
 * Sets keys of sections. "section.key" names one; a section with dots stands in brackets ("[/Script/Engine.Game].key"), and without a
 * section the key is one of the file's beginning. Everything else stays to the letter; a missing key goes to the end of its
 * section, a missing section to the end of the file.
 */
export function editIni(text: string, changes: readonly ConfigChange[]): string {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text === "" ? [] : text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  for (const change of changes) set(lines, change);
  return lines.length === 0 ? "" : lines.join(eol) + eol;
}

function set(lines: string[], change: ConfigChange): void {
  const { section, key } = placeOf(change.match);
  const { from, to } = sectionOf(lines, section);
  const at = from === -1 ? -1 : lines.findIndex((line, index) => index >= from && index < to && keyOf(line) === key);
  const value = changedValue(change, at === -1 ? null : presentValue(lines[at] ?? ""));
  if (value === undefined) return;
  // A value of several lines would end its line and begin another key.
  const shown = valueText(value).replace(/[\r\n]+/g, " ");
  if (at !== -1) {
    lines[at] = `${/^[^=]*=[ \t]*/.exec(lines[at] ?? "")?.[0] ?? `${key}=`}${shown}`;
    return;
  }
  if (from === -1) {
    lines.push(`[${section}]`, `${key}=${shown}`);
    return;
  }
  let end = to;
  while (end > from && (lines[end - 1] ?? "").trim() === "") end -= 1;
  lines.splice(end, 0, `${key}=${shown}`);
}

function placeOf(match: string): { readonly section: string; readonly key: string } {
  let depth = 0;
  for (let at = 0; at < match.length; at += 1) {
    if (match[at] === "[") depth += 1;
    else if (match[at] === "]") depth -= 1;
    else if (match[at] === "." && depth <= 0) {
      return { section: match.slice(0, at).replace(/^\[(.*)\]$/, "$1"), key: match.slice(at + 1) };
    }
  }
  return { section: "", key: match };
}

const isComment = (line: string): boolean => /^\s*[;#]/.test(line);

function headerOf(line: string): string | null {
  return isComment(line) ? null : (/^\s*\[([^\]]*)\]\s*(?:[;#].*)?$/.exec(line)?.[1] ?? null);
}

/** The lines of a section, without its header; from -1: there is none. */
function sectionOf(lines: readonly string[], section: string): { readonly from: number; readonly to: number } {
  const header = section === "" ? -1 : lines.findIndex((line) => headerOf(line) === section);
  if (section !== "" && header === -1) return { from: -1, to: -1 };
  const next = lines.findIndex((line, index) => index > header && headerOf(line) !== null);
  return { from: header + 1, to: next === -1 ? lines.length : next };
}

function keyOf(line: string): string | null {
  const equals = line.indexOf("=");
  return equals === -1 || isComment(line) ? null : line.slice(0, equals).trim();
}

function presentValue(line: string): string {
  const value = line.slice(line.indexOf("=") + 1).trim();
  return /^"(.*)"$/.exec(value)?.[1] ?? value;
}
