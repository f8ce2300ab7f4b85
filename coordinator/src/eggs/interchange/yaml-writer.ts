import { type DocumentValue, isList, isRecord } from "./document-value.ts";
import { writeJson } from "./json-writer.ts";

/** Keys that mean themselves without quotes in every YAML. */
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_./ -]{0,63}$/;
const NOT_A_WORD = /^(?:true|false|null|yes|no|on|off|y|n)$/i;
/** Text that a literal block says as it is: printable, no tabs in front, no blanks where an editor or a reader may lose them. */
const LITERAL =
  /^[^\s\p{Cc}\p{Zl}\p{Zp}\ufeff][^\p{Cc}\p{Zl}\p{Zp}\ufeff]*(?:\n(?:[^\p{Cc}\p{Zl}\p{Zp}\ufeff]|\t)*)*$/u;

/** A document as YAML 1.2, which every reader of 1.1 reads alike: scripts as literal blocks, other text in double quotes. */
export function writeYaml(value: DocumentValue): string {
  if (isRecord(value) && value.size > 0) return `${recordLines(value, "").join("\n")}\n`;
  if (isList(value) && value.length > 0) return `${listLines(value, "").join("\n")}\n`;
  return `${inline(value)}\n`;
}

function recordLines(record: ReadonlyMap<string, DocumentValue>, indent: string): string[] {
  return [...record].flatMap(([key, value]) => {
    const name = PLAIN_KEY.test(key) && key.trim() === key && !NOT_A_WORD.test(key) ? key : JSON.stringify(key);
    // A key that is longer must be told by its question mark.
    return name.length > 900
      ? [`${indent}? ${name}`, ...below(`${indent}: `, value, indent)]
      : below(`${indent}${name}: `, value, indent);
  });
}

function listLines(list: readonly DocumentValue[], indent: string): string[] {
  return list.flatMap((value) => below(`${indent}- `, value, indent));
}

/** What stands behind a key or a dash, on its line or below it. */
function below(head: string, value: DocumentValue, indent: string): string[] {
  const deeper = `${indent}  `;
  if (isRecord(value) && value.size > 0) return [head.trimEnd(), ...recordLines(value, deeper)];
  if (isList(value) && value.length > 0) return [head.trimEnd(), ...listLines(value, deeper)];
  if (typeof value === "string" && value.includes("\n") && LITERAL.test(value) && !/\n\n$/.test(value)) {
    const ends = value.endsWith("\n");
    const lines = (ends ? value.slice(0, -1) : value).split("\n");
    return [`${head}|${ends ? "" : "-"}`, ...lines.map((line) => (line === "" ? "" : deeper + line))];
  }
  return [head + inline(value)];
}

function inline(value: DocumentValue): string {
  if (typeof value === "string") return quoted(value);
  return Object.is(value, -0) ? "-0.0" : writeJson(value, false);
}

/** In JSON's quotes and escapes, which are YAML's too; what YAML calls unprintable is escaped as well. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
