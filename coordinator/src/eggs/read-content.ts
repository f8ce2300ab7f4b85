import { Refusal } from "../domain/refusal.ts";
import { DocumentFault, demandStorable } from "./interchange/document-fault.ts";
import { DOCUMENT_BYTES_MAX } from "./interchange/document-value.ts";
import type { Content } from "./interchange/import-egg.ts";
import { readJson } from "./interchange/json-reader.ts";
import { readYamlApart } from "./yaml-process/read-yaml-apart.ts";

/**
 * Reads an egg's text: JSON when it begins like it, YAML otherwise; a byte order mark is taken off. Rejects with a Refusal that
 * names line and column.
 */
export async function readContent(given: string): Promise<Content> {
  const text = given.startsWith("\ufeff") ? given.slice(1) : given;
  const bytes = Buffer.byteLength(text);
  if (bytes > DOCUMENT_BYTES_MAX) {
    throw unreadable(
      `${bytes} bytes; at most ${DOCUMENT_BYTES_MAX}`,
      "Take its icon out, or what else makes it large.",
    );
  }
  if (text.trim() === "") throw unreadable("it is empty", "Give the JSON or YAML that a panel's export of one egg is.");
  const isJson = /^\s*[{[]/.test(text);
  try {
    demandStorable(text, "the text");
    if (isJson) return { syntax: "json", text, ...readJson(text) };
    return { syntax: "yaml", text, value: await readYamlApart(text), repeatedKeys: [] };
  } catch (thrown) {
    if (!(thrown instanceof DocumentFault)) throw thrown;
    throw unreadable(thrown.message, `Correct the ${isJson ? "JSON" : "YAML"} there, or export the egg anew.`);
  }
}

function unreadable(reason: string, nextStep: string): Refusal {
  return new Refusal("invalid_argument", `The egg cannot be read: ${reason}.`, nextStep, { field: "content" });
}
