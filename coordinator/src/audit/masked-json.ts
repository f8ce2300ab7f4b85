import {
  createRegistry,
  type DescField,
  type DescMessage,
  getOption,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence, StructSchema } from "@bufbuild/protobuf/wkt";
import { holds_secret, holds_secret_unless } from "@lormas/gen/lormas/api/v1/secret_pb.ts";
import { MASK } from "../secrets/secret-name.ts";

/** The longest that one masked object may be as JSON, characters; what does not fit is named and left out. */
export const JSON_LENGTH_MAX = 8_192;

const registry = createRegistry(StructSchema);

/**
 * A message as JSON without its secrets: the fields that the proto marks with holds_secret, and those with holds_secret_unless where it
 * says so. Of a map the values are masked and
 * the keys stay, since which variables a container has is no secret. Empty fields are left out. Fields beyond JSON_LENGTH_MAX
 * are replaced by how long they were.
 */
export function maskedJson(schema: DescMessage, message: Message): JsonObject {
  return bounded(maskedWhole(schema, message));
}

/** The same without the bound, to compare two. */
export function maskedWhole(schema: DescMessage, message: Message): JsonObject {
  // A message becomes an object, never another value.
  return masked(schema, toJson(schema, message, { registry }) as JsonObject) as JsonObject;
}

/** The object with what fits of it. */
export function bounded(object: JsonObject, lengthMax = JSON_LENGTH_MAX): JsonObject {
  let left = lengthMax;
  const kept: JsonObject = {};
  for (const [key, value] of Object.entries(object)) {
    const length = key.length + JSON.stringify(value).length;
    if (length <= left) kept[key] = value;
    else kept[key] = `(${length} characters left out)`;
    left = Math.max(0, left - Math.min(length, left));
  }
  return kept;
}

function masked(schema: DescMessage, value: JsonValue): JsonValue {
  if (!isObject(value)) return storable(value);
  const fields = new Map(schema.fields.map((field) => [field.jsonName, field]));
  const entries = Object.entries(value).map(([key, child]) => {
    const field = fields.get(key);
    // Keys of a Struct are no fields.
    if (field === undefined) return [storable(key), storable(child)] as const;
    return [storable(key), holdsSecret(field, value) ? maskOf(field, child) : withoutSecrets(field, child)] as const;
  });
  return Object.fromEntries(entries);
}

function holdsSecret(field: DescField, around: JsonObject): boolean {
  if (getOption(field, holds_secret)) return true;
  const name = getOption(field, holds_secret_unless);
  const other = field.parent.fields.find((one) => one.name === name);
  if (other === undefined) return false;
  // JSON leaves out what is false, but not where that says something else than its absence.
  return !(around[other.jsonName] ?? other.presence === FeatureSet_FieldPresence.EXPLICIT);
}

function maskOf(field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind !== "map" || !isObject(value)) return MASK;
  return Object.fromEntries(Object.keys(value).map((key) => [storable(key), MASK]));
}

function withoutSecrets(field: DescField, value: JsonValue): JsonValue {
  const inner = field.message;
  if (inner === undefined) return storable(value);
  if (field.fieldKind === "list" && Array.isArray(value)) return value.map((one) => masked(inner, one));
  if (field.fieldKind === "map" && isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [storable(key), masked(inner, one)]));
  }
  return masked(inner, value);
}

/** PostgreSQL's jsonb takes neither NUL nor half a character. */
function storable<Value extends JsonValue>(value: Value): Value;
function storable(value: JsonValue): JsonValue {
  if (typeof value === "string") return value.replaceAll("\0", "\ufffd").toWellFormed();
  if (Array.isArray(value)) return value.map((one) => storable(one));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [storable(key), storable(child)]));
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
