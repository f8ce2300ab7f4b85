import { LineCounter, parseDocument } from "yaml";
import { DocumentFault, demandStorable } from "./document-fault.ts";
import {
  DOCUMENT_BYTES_MAX,
  DOCUMENT_DEPTH_MAX,
  DOCUMENT_VALUES_MAX,
  type DocumentRecord,
  type DocumentValue,
} from "./document-value.ts";

/** All texts of a document together, with what its aliases repeat. */
const CHARACTERS_MAX = 4 * DOCUMENT_BYTES_MAX;

/**
 * Reads YAML into a document within the same bounds as JSON, aliases counted as often as they are used. Throws DocumentFault.
 * Hostile text can make the library take minutes and end the process itself (a regular expression of the indent's length),
 * so the coordinator calls this in a process of its own alone: see ../yaml-process/.
 */
export function readYaml(text: string): DocumentValue {
  const lines = new LineCounter();
  let data: unknown;
  try {
    const options = { schema: "core", merge: true, stringKeys: true, intAsBigInt: true } as const;
    const document = parseDocument(text, { ...options, prettyErrors: false, lineCounter: lines, logLevel: "error" });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new DocumentFault(`line ${line}, column ${col}: ${error.message}`);
    }
    data = document.toJS({ mapAsMap: true, maxAliasCount: 10_000 });
  } catch (thrown) {
    if (thrown instanceof DocumentFault) throw thrown;
    throw new DocumentFault(`this is no YAML: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  return new Copier().copy(data, 0);
}

/** Copies what the library made, where an alias is the same object again, and counts. */
class Copier {
  #values = 0;
  #characters = 0;

  copy(data: unknown, depth: number): DocumentValue {
    this.#values += 1;
    if (this.#values > DOCUMENT_VALUES_MAX) throw new DocumentFault(`more than ${DOCUMENT_VALUES_MAX} values`);
    if (depth > DOCUMENT_DEPTH_MAX) {
      throw new DocumentFault(`more than ${DOCUMENT_DEPTH_MAX} levels within one another`);
    }
    if (Array.isArray(data)) return data.map((inner) => this.copy(inner, depth + 1));
    if (data instanceof Map) {
      const record: DocumentRecord = new Map();
      for (const [key, value] of data) record.set(this.#text(String(key)), this.copy(value, depth + 1));
      return record;
    }
    if (typeof data === "string") return this.#text(data);
    if (typeof data === "bigint") return String(Number(data)) === String(data) ? Number(data) : data;
    if (data === null || data === undefined) return null;
    if (typeof data === "boolean" || (typeof data === "number" && Number.isFinite(data))) return data;
    throw new DocumentFault(`holds ${String(data)}, which JSON has no word for`);
  }

  #text(text: string): string {
    this.#characters += text.length;
    this.#values += 1;
    if (this.#characters > CHARACTERS_MAX)
      throw new DocumentFault(`its aliases make more than ${CHARACTERS_MAX} characters`);
    demandStorable(text, JSON.stringify(text.slice(0, 32)));
    return text;
  }
}
