import type { EggDefinition } from "../egg-definition.ts";
import type { EggOrigin } from "../egg-origin.ts";
import { textAt } from "./document-fields.ts";
import { type DocumentRecord, type DocumentValue, isRecord } from "./document-value.ts";
import { type EggFinding, reportOf } from "./egg-finding.ts";
import { EGG_SYNTAXES, type EggFormat, type EggSyntax, formatOf, isEggFormat, META_VERSION } from "./egg-format.ts";
import { checkEgg } from "./egg-schema.ts";
import { readJson } from "./json-reader.ts";
import { writeJson } from "./json-writer.ts";
import { type EggPlace, noEgg, readEgg } from "./read-egg.ts";

/** A text and what it says. */
export type Content = {
  readonly syntax: EggSyntax;
  readonly text: string;
  readonly value: DocumentValue;
  readonly repeatedKeys: readonly string[];
};

export type ImportedEgg = {
  readonly definition: EggDefinition;
  /** Null for an egg of Lormas' own form that came from no panel. */
  readonly origin: EggOrigin | null;
  readonly format: EggFormat;
  /** The weightiest first. */
  readonly findings: readonly EggFinding[];
};

/** What an egg's text makes here. Throws a Refusal when it is no egg. */
export function importEgg(content: Content, place: EggPlace): ImportedEgg {
  const { value } = content;
  if (!isRecord(value)) throw noEgg("It is no object.", "Give the JSON or YAML that a panel's export of one egg is.");
  const { format, named } = formatOf(value);
  const findings: EggFinding[] = [];
  if (!named) {
    const version = textAt(value, "meta", "version");
    const says =
      version === "" ? "says no version" : `says ${JSON.stringify(version.slice(0, 64))}, which Lormas does not know`;
    findings.push({ level: "warning", path: "meta.version", message: `${says}: read as ${META_VERSION[format]}` });
  }
  if (content.repeatedKeys.length > 0) {
    const keys = [...new Set(content.repeatedKeys)].slice(0, 5).join(", ");
    findings.push({ level: "warning", path: "", message: `keys that stand twice (${keys}): the last one counts` });
  }
  if (format === "lormas") return { ...readOwn(value, place), format, findings: reportOf(findings) };
  const { definition, findings: more } = readEgg(value, place);
  const { syntax, text } = content;
  const origin = { format, syntax, text, json: syntax === "yaml" ? writeJson(value, false) : null };
  return { definition, origin, format, findings: reportOf([...findings, ...more]) };
}

/** Lormas' own form: the definition as it is stored, beside meta and origin. */
function readOwn(document: DocumentRecord, place: EggPlace): Pick<ImportedEgg, "definition" | "origin"> {
  const fields: DocumentRecord = new Map(document);
  fields.delete("meta");
  fields.delete("origin");
  const outcome = checkEgg(fields);
  if (!outcome.ok) throw noEgg(`${outcome.path}: ${outcome.reason}.`, "Correct that field and import it again.");
  const { id, categoryId } = place;
  const definition = {
    ...outcome.value,
    ...(id === null ? {} : { id }),
    ...(categoryId === null ? {} : { categoryId }),
  };
  return { definition, origin: readOrigin(document.get("origin")) };
}

function readOrigin(value: DocumentValue | undefined): EggOrigin | null {
  if (value === undefined || value === null) return null;
  const format = textAt(value, "format");
  const syntax = EGG_SYNTAXES.find((one) => one === textAt(value, "syntax"));
  const text = textAt(value, "text");
  const json = textAt(value, "json") || null;
  if (isEggFormat(format) && format !== "lormas" && syntax !== undefined && (json !== null) === (syntax === "yaml")) {
    const origin: EggOrigin = { format, syntax, text, json };
    try {
      originDocument(origin);
      return origin;
    } catch {
      // Refused below.
    }
  }
  const nextStep = "Take origin out, or leave it as the export has written it.";
  throw noEgg("origin: is not a document of a panel as Lormas exports it.", nextStep);
}

/** What the document says that an egg came from. */
export function originDocument(origin: EggOrigin): DocumentRecord {
  const { value } = readJson(origin.json ?? origin.text);
  if (!isRecord(value)) throw new Error("an egg's origin is no object");
  return value;
}
