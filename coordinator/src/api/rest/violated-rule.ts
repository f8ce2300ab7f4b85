import { type FieldPath, ViolationsSchema } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { ConnectError } from "@connectrpc/connect";

/** The first buf/validate rule that a request broke, with its field in proto notation ("environment["KEY"]"). */
export type ViolatedRule = { readonly field: string; readonly message: string };

/** What the validation interceptor said, from its error; undefined for errors that come from elsewhere. */
export function violatedRule(error: ConnectError): ViolatedRule | undefined {
  const [first] = error.findDetails(ViolationsSchema).flatMap(({ violations }) => violations);
  if (first === undefined) return undefined;
  const field = first.field === undefined ? "" : pathText(first.field);
  return { field, message: field === "" ? first.message : `${field}: ${first.message}` };
}

function pathText(path: FieldPath): string {
  let text = "";
  for (const { fieldName, subscript } of path.elements) {
    text += `${text === "" ? "" : "."}${fieldName}`;
    if (subscript.case === undefined) continue;
    text += subscript.case === "stringKey" ? `[${JSON.stringify(subscript.value)}]` : `[${subscript.value}]`;
  }
  return text;
}
