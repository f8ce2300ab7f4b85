import type { EggDefinition } from "../../eggs/egg-definition.ts";
import { reservedAmong } from "../../eggs/reserved-variables.ts";
import type { Caller } from "../call-context.ts";
import { type Concerned, demand } from "../demand-permission.ts";

/** A field of a request, in proto notation, and the variables that it sets or takes back. */
export type TouchedVariables = { readonly field: string; readonly names: Iterable<string> };

/** Throws permission_denied, naming the first variable that the egg keeps from users, unless the caller may set such there. */
export function demandReserved(
  caller: Caller,
  egg: EggDefinition,
  touched: readonly TouchedVariables[],
  concerned?: Concerned,
): void {
  for (const { field, names } of touched) {
    const [name] = reservedAmong(egg, names);
    if (name === undefined) continue;
    const why = `The egg ${egg.id} keeps ${name} from users.`;
    demand(caller, "egg:variable:override", concerned, { field: `${field}.${name}`, why });
  }
}
