import type { DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

/** The fields by which a request asks only what would come of it. */
const FIELDS: ReadonlySet<string> = new Set(["validate_only", "dry_run"]);

/** True for a request that only asks what would come of it: it changes nothing, whatever its method does else. */
export function onlyValidates(schema: DescMessage, message: Message): boolean {
  return schema.fields.some((field) => FIELDS.has(field.name) && reflect(schema, message).get(field) === true);
}
