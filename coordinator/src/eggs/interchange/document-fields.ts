import { type DocumentRecord, type DocumentValue, isList, isRecord, scalarText } from "./document-value.ts";
import { readJson } from "./json-reader.ts";

/** The value at a path of object keys; undefined where there is none. */
export function valueAt(document: DocumentValue | undefined, ...path: readonly string[]): DocumentValue | undefined {
  let value = document;
  for (const key of path) {
    if (!isRecord(value)) return undefined;
    value = value.get(key);
  }
  return value;
}

/** A scalar as text; "" where there is none, or something else than a scalar. */
export function textAt(document: DocumentValue | undefined, ...path: readonly string[]): string {
  return scalarText(valueAt(document, ...path)) ?? "";
}

/** The texts of a list, of an object's values, or of one scalar that is not empty. */
export function textsOf(value: DocumentValue | undefined): string[] {
  const inner = isRecord(value) ? [...value.values()] : isList(value) ? value : [value];
  const texts = inner.map((one) => scalarText(one)).filter((text) => text !== null);
  return isRecord(value) || isList(value) ? texts : texts.filter((text) => text !== "");
}

/** Named texts: an object's entries; of a list, or of one scalar, each under what `nameOf` says. */
export function namedTexts(
  value: DocumentValue | undefined,
  nameOf: (text: string, index: number) => string,
): { readonly name: string; readonly text: string }[] {
  if (isRecord(value)) {
    return [...value].flatMap(([name, inner]) => {
      const text = scalarText(inner);
      return text === null || text === "" ? [] : [{ name, text }];
    });
  }
  return textsOf(value)
    .filter((text) => text !== "")
    .map((text, index) => ({ name: nameOf(text, index), text }));
}

/**
 * What panels keep as JSON in a string, and sometimes as it is: the object, or null where it is empty; undefined where the
 * string is no JSON.
 */
export function objectAt(document: DocumentRecord, ...path: readonly string[]): DocumentRecord | null | undefined {
  let value = valueAt(document, ...path);
  if (typeof value === "string") {
    if (value.trim() === "") return null;
    try {
      value = readJson(value).value;
    } catch {
      return undefined;
    }
  }
  if (isRecord(value)) return value.size === 0 ? null : value;
  if (value === undefined || value === null || (isList(value) && value.length === 0)) return null;
  return undefined;
}
