import type { EggDefinition, EggVariable } from "./egg-definition.ts";

/**
 * Whether an egg keeps a variable from users: as in the panels, they set what is viewable and editable. Operators set all.
 */
export function isReserved({ userViewable = true, userEditable = true }: EggVariable): boolean {
  return !(userViewable && userEditable);
}

/** Those of these names that the egg keeps from users, in their order. */
export function reservedAmong(egg: EggDefinition, names: Iterable<string>): string[] {
  const reserved = new Set(egg.variables.filter(isReserved).map(({ name }) => name));
  return [...names].filter((name) => reserved.has(name));
}

/** The variables whose defaults an egg hides from users, and has. */
export function hiddenDefaults({ variables }: Pick<EggDefinition, "variables">): string[] {
  return variables.filter(hidesDefault).map(({ name }) => name);
}

/** Whether there is a default that users are not shown. */
export function hidesDefault({ userViewable = true, defaultValue }: EggVariable): boolean {
  return !userViewable && defaultValue !== "";
}
