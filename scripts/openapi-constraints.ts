import { isFieldSet, type Message } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import {
  type FieldRules,
  MapRulesSchema,
  StringRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** A JSON Schema as it is written into the document. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** The keywords that say what buf/validate's rules of one value say; rules with no JSON Schema form are left to the server. */
export function constraintsOf(rules: FieldRules): JsonSchema {
  const { case: kind, value } = rules.type;
  switch (kind) {
    case "string":
      return {
        ...lengths(value, StringRulesSchema, "minLen", "maxLen", "minLength", "maxLength"),
        ...(isFieldSet(value, StringRulesSchema.field.len) && {
          minLength: Number(value.len),
          maxLength: Number(value.len),
        }),
        ...(value.pattern !== "" && { pattern: value.pattern }),
        ...(value.in.length > 0 && { enum: value.in }),
        ...(isFieldSet(value, StringRulesSchema.field.const) && { const: value.const }),
        ...(value.wellKnown.case !== undefined && STRING_FORMATS[value.wellKnown.case]),
      };
    case "int32":
    case "uint32":
    case "sint32":
    case "fixed32":
    case "sfixed32":
    case "float":
    case "double":
      return {
        ...(value.lessThan.case === "lte" && { maximum: value.lessThan.value }),
        ...(value.lessThan.case === "lt" && { exclusiveMaximum: value.lessThan.value }),
        ...(value.greaterThan.case === "gte" && { minimum: value.greaterThan.value }),
        ...(value.greaterThan.case === "gt" && { exclusiveMinimum: value.greaterThan.value }),
        ...(value.in.length > 0 && { enum: value.in }),
      };
    case "repeated":
      return {
        ...(value.minItems > 0n && { minItems: Number(value.minItems) }),
        ...(value.maxItems > 0n && { maxItems: Number(value.maxItems) }),
        ...(value.unique && { uniqueItems: true }),
      };
    case "map":
      return {
        ...lengths(value, MapRulesSchema, "minPairs", "maxPairs", "minProperties", "maxProperties"),
        ...(value.keys !== undefined && { propertyNames: constraintsOf(value.keys) }),
      };
    default:
      return {};
  }
}

/** A sentence for bounds that JSON Schema cannot hold: 64-bit numbers travel as text. Empty when there are none. */
export function boundsInWords(rules: FieldRules): string {
  const { case: kind, value } = rules.type;
  switch (kind) {
    case "int64":
    case "uint64":
    case "sint64":
    case "fixed64":
    case "sfixed64": {
      const words: string[] = [];
      if (value.greaterThan.case === "gte") words.push(`at least ${value.greaterThan.value}`);
      if (value.greaterThan.case === "gt") words.push(`more than ${value.greaterThan.value}`);
      if (value.lessThan.case === "lte") words.push(`at most ${value.lessThan.value}`);
      if (value.lessThan.case === "lt") words.push(`less than ${value.lessThan.value}`);
      return words.length === 0 ? "" : `Must be ${words.join(" and ")}.`;
    }
    default:
      return "";
  }
}

/** True when the rules refuse the value that a field has when it is not sent, so that it must be sent. */
export function mustBeSent(rules: FieldRules): boolean {
  if (rules.required) return true;
  const { case: kind, value } = rules.type;
  switch (kind) {
    case "string":
      return (
        value.minLen > 0n ||
        value.len > 0n ||
        value.wellKnown.case !== undefined ||
        (value.pattern !== "" && !new RegExp(value.pattern).test(""))
      );
    case "int32":
    case "uint32":
    case "sint32":
      return (
        (value.greaterThan.case === "gte" && value.greaterThan.value > 0) ||
        (value.greaterThan.case === "gt" && value.greaterThan.value >= 0)
      );
    case "repeated":
      return value.minItems > 0n;
    case "map":
      return value.minPairs > 0n;
    default:
      return false;
  }
}

const STRING_FORMATS: Readonly<Record<string, JsonSchema>> = {
  email: { format: "email" },
  hostname: { format: "hostname" },
  ipv4: { format: "ipv4" },
  ipv6: { format: "ipv6" },
  uri: { format: "uri" },
  uuid: { format: "uuid" },
};

/** Two bounds of a rule message under JSON Schema's names, each only when it is set. */
function lengths<T extends Message, Min extends keyof T & string, Max extends keyof T & string>(
  rules: T,
  schema: GenMessage<T>,
  min: Min,
  max: Max,
  minKeyword: string,
  maxKeyword: string,
): JsonSchema {
  const bounds: Record<string, unknown> = {};
  for (const field of schema.fields) {
    if (field.localName === min && isFieldSet(rules, field)) bounds[minKeyword] = Number(rules[min]);
    if (field.localName === max && isFieldSet(rules, field)) bounds[maxKeyword] = Number(rules[max]);
  }
  return bounds;
}
