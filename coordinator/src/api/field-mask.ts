import {
  clone,
  create,
  type DescField,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Refusal } from "../domain/refusal.ts";
import { fieldByName, shortened } from "./rest/request-field.ts";

/** The field by which an update says which of the others it is about. */
const FIELD = "update_mask";

/** What the mask of an update may name, and what a field of it means that is named and absent. */
export type Maskable<S extends DescMessage> = {
  /** Becomes this. */
  readonly cleared: MessageInitShape<S>;
  /** What always has some value: it is refused. */
  readonly needed: readonly (keyof MessageShape<S> & string)[];
  /** What says how something changes, and is nothing in itself ("set_labels"): nothing changes. */
  readonly changes: readonly (keyof MessageShape<S> & string)[];
};

/**
 * An update as it would be sent without a mask: what its mask does not name is absent, what it names is as it was given, or cleared. An
 * update without a mask stays as it is. Refuses names of other fields, and what cannot be cleared, with invalid_argument.
 */
export function unmasked<S extends DescMessage>(
  schema: S,
  request: MessageShape<S> & { readonly updateMask: readonly string[] },
  { cleared, needed, changes }: Maskable<S>,
): MessageShape<S> {
  if (request.updateMask.length === 0) return request;
  const blank = reflect(schema, create(schema, cleared));
  const clearable = schema.fields.filter((field) => blank.isSet(field));
  const never: ReadonlySet<string> = new Set(needed);
  const others: ReadonlySet<string> = new Set([...needed, ...changes]);
  const known = schema.fields.filter((field) => clearable.includes(field) || others.has(field.localName));
  const named = new Set(maskNames(schema, request.updateMask, known));
  const alone = clone(schema, request);
  const update = reflect(schema, alone);
  for (const field of known) {
    if (!named.has(field.name)) update.clear(field);
    else if (update.isSet(field)) continue;
    else if (clearable.includes(field)) update.set(field, blank.get(field));
    else if (never.has(field.localName)) throw unclearable(field);
  }
  return alone;
}

/** The fields that a mask names, in proto notation; it may name those that are `known`, in proto or JSON notation. Refusals: invalid_argument. */
export function maskNames(schema: DescMessage, mask: readonly string[], known: readonly DescField[]): string[] {
  return mask.map((path) => {
    const field = fieldByName(schema, path);
    if (field && known.includes(field)) return field.name;
    const names = known.map(({ name }) => name).join(", ");
    throw new Refusal(
      "invalid_argument",
      `${FIELD}: "${shortened(path)}" is no field that this changes; these are: ${names}`,
      "name only these, or leave the mask out",
      { field: FIELD },
    );
  });
}

const unclearable = ({ name }: DescField): Refusal =>
  new Refusal(
    "invalid_argument",
    `${name}: ${FIELD} names it and it is absent, which would clear it: it always has some value`,
    `give ${name}, or leave it out of ${FIELD}`,
    { field: name },
  );
