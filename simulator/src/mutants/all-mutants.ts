import { boundMutants } from "./bound-mutants.ts";
import { hostMutants } from "./host-mutants.ts";
import { leaseMutants } from "./lease-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { orderMutants } from "./order-mutants.ts";
import { proofMutants } from "./proof-mutants.ts";

/** Every mutant; docs/model lists them by name. */
export const allMutants: readonly Mutant[] = [
  ...leaseMutants,
  ...boundMutants,
  ...proofMutants,
  ...orderMutants,
  ...hostMutants,
];

/** Throws for a name that is none, with those that are. */
export function mutantNamed(name: string): Mutant {
  const mutant = allMutants.find((one) => one.name === name);
  if (mutant) return mutant;
  throw new Error(`there is no mutant "${name}"; there are ${allMutants.map((one) => one.name).join(", ")}`);
}
