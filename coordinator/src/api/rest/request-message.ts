import {
  type DescField,
  type DescMessage,
  fromJson,
  fromJsonString,
  type JsonObject,
  type JsonValue,
  type Message,
  mergeFromJson,
} from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { FieldProblem, fieldByName, jsonOfText, shortened } from "./request-field.ts";
import type { Route } from "./route-table.ts";

/** What a REST request consists of, once it is read. */
export type RestRequest = {
  readonly route: Route;
  /** Path fields, proto notation → decoded text. */
  readonly pathFields: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  /** The body's text; empty stands for an empty object. */
  readonly body: string;
};

/**
 * The request message of a REST call. Every part must fit: an unknown field, a value of the wrong kind, a single field
 * given twice, or a body that contradicts the path is a FieldProblem that names the field. Constraints of buf/validate
 * are not looked at here; the same interceptor checks them for every protocol.
 */
export function requestMessage({ route, pathFields, query, body }: RestRequest): Message {
  const schema = route.method.input;
  const fromPath: JsonObject = {};
  for (const [path, text] of pathFields) setValue(schema, fromPath, path, [text]);
  if (!route.hasBody) {
    if (body !== "") throw new FieldProblem("", `${route.verb} ${route.template} takes no body`);
    const fromUrl: JsonObject = {};
    for (const name of new Set(query.keys())) {
      const field = setValue(schema, fromUrl, name, query.getAll(name));
      if (pathFields.has(field))
        throw new FieldProblem(field, `${field} is part of the path and cannot be in the query`);
    }
    const message = decoded(schema, fromUrl, () => fromJson(schema, fromUrl));
    return decoded(schema, fromPath, () => mergeFromJson(schema, message, fromPath));
  }
  for (const name of query.keys()) {
    throw new FieldProblem(
      "",
      `"${shortened(name)}" is in the query, but ${route.verb} ${route.template} reads its body`,
    );
  }
  const text = body === "" ? "{}" : body;
  const given = parsedObject(text);
  refuseUnknownNames(schema, given);
  for (const [path, value] of pathFields) refuseContradiction(schema, given, path, value);
  const message = decoded(schema, given, () => fromJsonString(schema, text));
  return decoded(schema, fromPath, () => mergeFromJson(schema, message, fromPath));
}

/** Puts the texts of one name into a JSON object, creating the objects along its dots. Returns the name in proto notation. */
function setValue(schema: DescMessage, object: JsonObject, name: string, texts: readonly string[]): string {
  let message = schema;
  let target = object;
  const walked: string[] = [];
  const parts = name.split(".");
  for (const [index, part] of parts.entries()) {
    const field = fieldByName(message, part);
    if (field === undefined) {
      const path = [...walked, part].join(".");
      throw new FieldProblem(shortened(path), `unknown field "${shortened(path)}"`);
    }
    walked.push(field.name);
    const path = walked.join(".");
    if (index === parts.length - 1) {
      const value = jsonOfTexts(field, path, texts);
      if (Object.hasOwn(target, field.jsonName)) throw new FieldProblem(path, `${path} is given more than once`);
      target[field.jsonName] = value;
      return path;
    }
    if (field.fieldKind !== "message") throw new FieldProblem(path, `${path} has no fields of its own`);
    const inner = target[field.jsonName] ?? {};
    if (!isObject(inner)) throw new FieldProblem(path, `${path} is given more than once`);
    target[field.jsonName] = inner;
    target = inner;
    message = field.message;
  }
  return walked.join(".");
}

function jsonOfTexts(field: DescField, path: string, texts: readonly string[]): JsonValue {
  if (field.fieldKind === "map") throw new FieldProblem(path, `${path} is a map and cannot be in a path or a query`);
  if (field.fieldKind === "list") return texts.map((text) => jsonOfText(field, path, text));
  if (texts.length !== 1) throw new FieldProblem(path, `${path} is given more than once`);
  return jsonOfText(field, path, texts[0] ?? "");
}

function parsedObject(text: string): JsonObject {
  let value: JsonValue;
  try {
    // JSON.parse gives JSON values and nothing else.
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new FieldProblem("", `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw new FieldProblem("", "the body must be a JSON object");
  return value;
}

/** Names the first field that the message does not know, or whose enum has no such name, at any depth. */
function refuseUnknownNames(schema: DescMessage, given: JsonObject): void {
  walkFields(schema, given, "", (field, path, value) => {
    if (field === undefined) throw new FieldProblem(shortened(path), `unknown field "${shortened(path)}"`);
    if (field.enum === undefined || field.fieldKind === "map") return;
    for (const one of Array.isArray(value) ? value : [value]) if (typeof one === "string") jsonOfText(field, path, one);
  });
}

function refuseContradiction(schema: DescMessage, given: JsonObject, path: string, inPath: string): void {
  walkFields(schema, given, "", (_field, at, value) => {
    if (at !== path || value === inPath) return;
    throw new FieldProblem(path, `${path} in the body differs from the path, which says "${shortened(inPath)}"`);
  });
}

/** Visits every key of a JSON object and of the messages in it (not in well-known types or map keys), outer ones first. */
function walkFields(
  schema: DescMessage,
  value: JsonValue,
  prefix: string,
  visit: (field: DescField | undefined, path: string, value: JsonValue) => void,
): void {
  if (!isObject(value) || schema.typeName.startsWith("google.protobuf.")) return;
  for (const [key, child] of Object.entries(value)) {
    const field = fieldByName(schema, key);
    const path = `${prefix}${field?.name ?? key}`;
    visit(field, path, child);
    if (field?.message === undefined) continue;
    const inner = field.message;
    if (field.fieldKind === "message") walkFields(inner, child, `${path}.`, visit);
    if (field.fieldKind === "list" && Array.isArray(child)) {
      for (const [index, item] of child.entries()) walkFields(inner, item, `${path}[${index}].`, visit);
    }
    if (field.fieldKind === "map" && isObject(child)) {
      for (const [name, item] of Object.entries(child))
        walkFields(inner, item, `${path}["${shortened(name)}"].`, visit);
    }
  }
}

/** Runs a decoder; what it refuses becomes a FieldProblem with the field's whole path. */
function decoded<T>(schema: DescMessage, given: JsonObject, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!isFieldError(cause)) {
      throw new FieldProblem("", error instanceof Error ? error.message : String(error));
    }
    const wrong = cause.field();
    let path = wrong.name;
    walkFields(schema, given, "", (field, at) => {
      if (field === wrong) path = at;
    });
    throw new FieldProblem(path, `${path}: ${cause.message}`);
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
