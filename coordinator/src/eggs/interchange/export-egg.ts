import type { EggDefinition } from "../egg-definition.ts";
import type { EggOrigin } from "../egg-origin.ts";
import { type DocumentRecord, type DocumentValue, documentOf, isRecord } from "./document-value.ts";
import { type EggFormat, type EggSyntax, META_VERSION } from "./egg-format.ts";
import { originDocument } from "./import-egg.ts";
import { writeJson } from "./json-writer.ts";
import { LORMAS_KEY } from "./read-egg.ts";
import { saysSame, writeEgg } from "./write-egg.ts";
import { writeYaml } from "./yaml-writer.ts";

export type ExportedEgg = {
  readonly content: string;
  readonly syntax: EggSyntax;
  /** Fields that the format has no place for: they stand under "lormas", which other panels overlook. */
  readonly extraFields: readonly string[];
};

/**
 * An egg in a format. In the one it came in it is its own text again, to the letter, as long as that still says what the egg
 * does. `syntax` null: the one it came in, otherwise JSON.
 */
export function exportEgg(
  egg: EggDefinition,
  origin: EggOrigin | null,
  format: EggFormat,
  wanted: EggSyntax | null,
): ExportedEgg {
  const syntax = wanted ?? (origin?.format === format ? origin.syntax : "json");
  if (format === "lormas") return { content: written(ownDocument(egg, origin), syntax), syntax, extraFields: [] };
  const base = origin === null ? null : originDocument(origin);
  if (origin?.format === format && origin.syntax === syntax && base !== null && saysSame(egg, base)) {
    return { content: origin.text, syntax, extraFields: extraFields(base) };
  }
  const document = writeEgg(egg, base, format);
  return { content: written(document, syntax), syntax, extraFields: extraFields(document) };
}

function ownDocument(egg: EggDefinition, origin: EggOrigin | null): DocumentRecord {
  const own = new Map<string, DocumentValue>([["meta", new Map([["version", META_VERSION.lormas]])]]);
  const fields = documentOf(egg);
  if (isRecord(fields)) for (const [key, value] of fields) own.set(key, value);
  if (origin !== null) own.set("origin", documentOf(origin));
  return own;
}

function written(document: DocumentRecord, syntax: EggSyntax): string {
  return syntax === "yaml" ? writeYaml(document) : `${writeJson(document, true)}\n`;
}

function extraFields(document: DocumentRecord): string[] {
  const extra = document.get(LORMAS_KEY);
  return isRecord(extra) ? [...extra.keys()] : [];
}
