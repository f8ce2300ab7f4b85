import { createRegistry, type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";

const registry = createRegistry(StructSchema);

/** A message as JSON text for programs: lowerCamelCase, fields without a value included. */
export function jsonText<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, indent: boolean): string {
  const value = toJson(schema, message, { alwaysEmitImplicit: true, registry });
  return indent ? JSON.stringify(value, null, 2) : JSON.stringify(value);
}
