import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";
import { field as fieldRules } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { boundsInWords, constraintsOf, type JsonSchema, mustBeSent } from "./openapi-constraints.ts";

/** The words of a proto comment, joined to one paragraph a blank line. */
export function descriptionOf(desc: Parameters<typeof getComments>[0]): string {
  const { leading, trailing } = getComments(desc);
  return (leading ?? trailing ?? "")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .join("\n\n")
    .trim();
}

/**
 * Collects the schemas of messages and enums as they are referred to. A message that a request body contains refuses
 * unknown fields; in every other message the fields that are always printed are marked as required.
 */
export class SchemaCollection {
  readonly #inRequests: ReadonlySet<string>;
  readonly #schemas = new Map<string, JsonSchema>();

  /** `requests` are the messages that are read as JSON bodies, by themselves or as a part of one. */
  constructor(requests: readonly DescMessage[]) {
    const reached = new Set<string>();
    const reach = (message: DescMessage): void => {
      if (reached.has(message.typeName)) return;
      reached.add(message.typeName);
      for (const { message: inner } of message.fields) if (inner !== undefined) reach(inner);
    };
    requests.forEach(reach);
    this.#inRequests = reached;
  }

  /** A reference to a message's schema, or the schema itself for the well-known types. */
  message(desc: DescMessage): JsonSchema {
    const known = WELL_KNOWN[desc.typeName];
    if (known !== undefined) return known;
    const name = componentName(desc);
    if (!this.#schemas.has(name)) {
      this.#schemas.set(name, {});
      this.#schemas.set(name, this.object(desc, desc.fields, this.#inRequests.has(desc.typeName)));
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The schema of a message, of the given fields only. */
  object(desc: DescMessage, fields: readonly DescField[], isRequest: boolean): JsonSchema {
    const properties = fields.map((field) => [field.jsonName, this.field(field)] as const);
    const required = fields.filter((field) => (isRequest ? mustBeSentField(field) : isAlwaysPrinted(field)));
    const oneofs = desc.oneofs.map((oneof) => `At most one of ${oneof.fields.map((f) => f.jsonName).join(", ")}.`);
    const description = [descriptionOf(desc), ...oneofs].filter((text) => text !== "").join(" ");
    return {
      type: "object",
      ...(description !== "" && { description }),
      ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(required.length > 0 && { required: required.map(({ jsonName }) => jsonName) }),
      ...(isRequest && { additionalProperties: false }),
    };
  }

  /** The schema of one field with its description and constraints. */
  field(field: DescField): JsonSchema {
    const rules = getOption(field, fieldRules);
    const description = [descriptionOf(field), boundsInWords(rules)].filter((text) => text !== "").join(" ");
    return { ...this.#value(field), ...constraintsOf(rules), ...(description !== "" && { description }) };
  }

  /** What was collected, by name in alphabetical order. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #value(field: DescField): JsonSchema {
    const rules = getOption(field, fieldRules);
    switch (field.fieldKind) {
      case "scalar":
        return SCALARS[field.scalar];
      case "enum":
        return this.#enum(field.enum);
      case "message":
        return this.message(field.message);
      case "list": {
        const items = rules.type.case === "repeated" ? rules.type.value.items : undefined;
        return { type: "array", items: { ...this.#element(field), ...(items !== undefined && constraintsOf(items)) } };
      }
      case "map": {
        const values = rules.type.case === "map" ? rules.type.value.values : undefined;
        const value = { ...this.#element(field), ...(values !== undefined && constraintsOf(values)) };
        return { type: "object", additionalProperties: value };
      }
      default:
        return field satisfies never;
    }
  }

  #element(field: DescField & { fieldKind: "list" | "map" }): JsonSchema {
    if (field.message !== undefined) return this.message(field.message);
    if (field.enum !== undefined) return this.#enum(field.enum);
    if (field.scalar !== undefined) return SCALARS[field.scalar];
    throw new Error(`${field} holds neither a scalar nor an enum nor a message`);
  }

  #enum(desc: DescEnum): JsonSchema {
    const name = componentName(desc);
    const values = desc.values.map((value) => `- ${value.name}: ${descriptionOf(value)}`);
    this.#schemas.set(name, {
      type: "string",
      description: [descriptionOf(desc), "", ...values].join("\n"),
      enum: desc.values.map((value) => value.name),
    });
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** "lormas.api.v1.Outer.Inner" → "OuterInner". */
function componentName(desc: DescMessage | DescEnum): string {
  const parts = desc.typeName.slice(desc.file.proto.package.length + 1).split(".");
  return parts.join("");
}

function mustBeSentField(field: DescField): boolean {
  return mustBeSent(getOption(field, fieldRules));
}

/** True when the JSON of an answer always has the field: default values are printed, absent messages are not. */
function isAlwaysPrinted(field: DescField): boolean {
  if (field.fieldKind === "list" || field.fieldKind === "map") return true;
  return field.fieldKind !== "message" && field.oneof === undefined && !field.proto.proto3Optional;
}

const INTEGER_32 = { type: "integer", format: "int32" };
const UNSIGNED_32 = { type: "integer", format: "int64", minimum: 0, maximum: 4_294_967_295 };
const INTEGER_64 = { type: "string", format: "int64", pattern: "^-?[0-9]{1,19}$" };
const UNSIGNED_64 = { type: "string", format: "uint64", pattern: "^[0-9]{1,20}$" };

/** ProtoJSON's form of each scalar; 64-bit numbers are text because JSON numbers lose digits. */
const SCALARS: Readonly<Record<ScalarType, JsonSchema>> = {
  [ScalarType.DOUBLE]: { type: "number", format: "double" },
  [ScalarType.FLOAT]: { type: "number", format: "float" },
  [ScalarType.INT32]: INTEGER_32,
  [ScalarType.SINT32]: INTEGER_32,
  [ScalarType.SFIXED32]: INTEGER_32,
  [ScalarType.UINT32]: UNSIGNED_32,
  [ScalarType.FIXED32]: UNSIGNED_32,
  [ScalarType.INT64]: INTEGER_64,
  [ScalarType.SINT64]: INTEGER_64,
  [ScalarType.SFIXED64]: INTEGER_64,
  [ScalarType.UINT64]: UNSIGNED_64,
  [ScalarType.FIXED64]: UNSIGNED_64,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
};

const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]+)?s$" },
  "google.protobuf.Struct": { type: "object", additionalProperties: true },
  "google.protobuf.Value": {},
  "google.protobuf.ListValue": { type: "array", items: {} },
  "google.protobuf.Empty": { type: "object" },
};
