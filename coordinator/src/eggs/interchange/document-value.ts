/**
 * What a JSON or YAML text says. Objects are Maps: they keep their order whatever their keys look like (the first image is the
 * default one), and no key means anything to JavaScript. Whole numbers that a double cannot hold are bigints.
 */
export type DocumentValue = null | boolean | number | bigint | string | DocumentList | DocumentRecord;
export type DocumentList = DocumentValue[];
export type DocumentRecord = Map<string, DocumentValue>;

/** Most levels within one another; panels write seven. */
export const DOCUMENT_DEPTH_MAX = 32;
/** Most values in one document, each key counted; the largest egg known has two thousand. */
export const DOCUMENT_VALUES_MAX = 50_000;
/** Most bytes of an egg's text. The largest known are icons of a few hundred KiB. */
export const DOCUMENT_BYTES_MAX = 768 * 1024;

export function isRecord(value: DocumentValue | undefined): value is DocumentRecord {
  return value instanceof Map;
}

export function isList(value: DocumentValue | undefined): value is DocumentList {
  return Array.isArray(value);
}

/** A scalar as text, as a panel would store it: true is "1", false and null are "". Null for a list or an object. */
export function scalarText(value: DocumentValue | undefined): string | null {
  if (value === undefined || value === null || value === false) return "";
  if (value === true) return "1";
  return typeof value === "object" ? null : String(value);
}

/** A copy that shares nothing with the original. */
export function copyOf<T extends DocumentValue>(value: T): T {
  const whole: DocumentValue = value;
  if (isRecord(whole)) return new Map([...whole].map(([key, inner]) => [key, copyOf(inner)])) as DocumentValue as T;
  return isList(whole) ? (whole.map((inner) => copyOf(inner)) as DocumentValue as T) : value;
}

/** Whether two values say the same; the order of an object's keys says nothing. */
export function sameValue(left: DocumentValue | undefined, right: DocumentValue | undefined): boolean {
  if (isRecord(left) && isRecord(right)) {
    return left.size === right.size && [...left].every(([key, value]) => sameValue(value, right.get(key)));
  }
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((value, index) => sameValue(value, right[index]));
  }
  return left === right;
}

/** As plain JSON data: for what is stored in a JSON column. Object keys lose their order. A bigint becomes its digits. */
export function plainData(value: DocumentValue): unknown {
  if (isRecord(value)) {
    const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, inner] of value) plain[key] = plainData(inner);
    return plain;
  }
  if (isList(value)) return value.map(plainData);
  return typeof value === "bigint" ? value.toString() : value;
}

/** Plain JSON data as a document; what JSON has no word for is left out. */
export function documentOf(data: unknown): DocumentValue {
  if (Array.isArray(data)) return data.map((inner) => documentOf(inner ?? null));
  if (typeof data === "object" && data !== null) {
    const entries = Object.entries(data).filter(([, inner]) => inner !== undefined);
    return new Map(entries.map(([key, inner]) => [key, documentOf(inner)]));
  }
  const isScalar = ["boolean", "number", "string", "bigint"].includes(typeof data);
  return isScalar ? (data as boolean | number | string | bigint) : null;
}

/** Whether two pieces of plain JSON data say the same. */
export function sameData(left: unknown, right: unknown): boolean {
  return sameValue(documentOf(left), documentOf(right));
}
