import { type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";

/** A request text that does not fit its field; becomes an InvalidArgument that names the field. */
export class FieldProblem extends Error {
  /** Proto notation: "resources.memory_bytes". */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** The field of a message that a path or query name means, in proto or JSON notation; undefined when there is none. */
export function fieldByName(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name || field.jsonName === name);
}

/** As fieldByName, through messages along dots ("resources.cpu_millis"). */
export function fieldByPath(message: DescMessage, path: string): DescField | undefined {
  const [head = "", ...rest] = path.split(".");
  const field = fieldByName(message, head);
  if (field === undefined || rest.length === 0) return field;
  return field.fieldKind === "message" ? fieldByPath(field.message, rest.join(".")) : undefined;
}

/**
 * Text from a path or a query as the JSON value that its field takes: booleans "true" and "false", numbers in decimal
 * notation, enums by name or number; text, bytes (base64) and well-known types with a textual form as they are.
 * Throws FieldProblem when it does not fit.
 */
export function jsonOfText(field: DescField, path: string, text: string): JsonValue {
  if (field.enum !== undefined) {
    if (/^-?\d{1,10}$/.test(text)) return Number(text);
    if (field.enum.values.some(({ name }) => name === text)) return text;
    const names = field.enum.values.map(({ name }) => name).join(", ");
    throw new FieldProblem(path, `${path}: "${shortened(text)}" is not one of ${names}`);
  }
  if (field.scalar === ScalarType.BOOL) {
    if (text === "true" || text === "false") return text === "true";
    throw new FieldProblem(path, `${path}: "${shortened(text)}" is neither true nor false`);
  }
  if (field.message?.typeName === "google.protobuf.Timestamp" && Number.isNaN(Date.parse(text))) {
    throw new FieldProblem(path, `${path}: "${shortened(text)}" is not a moment such as 2026-11-21T11:30:00Z`);
  }
  const isText = field.scalar === undefined || field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES;
  if (!isText && !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
    throw new FieldProblem(path, `${path}: "${shortened(text)}" is not a number`);
  }
  return text;
}

/** At most 60 characters of what the caller sent, for messages. */
export function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
