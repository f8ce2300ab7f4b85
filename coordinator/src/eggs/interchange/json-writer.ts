import { type DocumentValue, isList, isRecord } from "./document-value.ts";

const INDENT = "    ";

/** A document as JSON; with `pretty` four spaces a level, as panels write it, otherwise on one line. */
export function writeJson(value: DocumentValue, pretty: boolean, indent = ""): string {
  const deeper = indent + INDENT;
  const wrap = (open: string, parts: readonly string[], close: string): string => {
    if (parts.length === 0) return open + close;
    return pretty
      ? `${open}\n${parts.map((part) => deeper + part).join(",\n")}\n${indent}${close}`
      : `${open}${parts.join(",")}${close}`;
  };
  if (isRecord(value)) {
    const colon = pretty ? ": " : ":";
    const parts = [...value].map(([key, inner]) => JSON.stringify(key) + colon + writeJson(inner, pretty, deeper));
    return wrap("{", parts, "}");
  }
  if (isList(value)) {
    return wrap(
      "[",
      value.map((inner) => writeJson(inner, pretty, deeper)),
      "]",
    );
  }
  if (typeof value === "bigint") return value.toString();
  return Object.is(value, -0) ? "-0" : JSON.stringify(value);
}
