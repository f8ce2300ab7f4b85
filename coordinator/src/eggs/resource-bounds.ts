import type { Resources } from "../domain/resources.ts";

/** What one container may reserve; beyond it a number is a mistake and not a wish. */
export const RESOURCE_BOUNDS = {
  cpuMillis: { min: 10, max: 1_024_000, unit: "thousandths of a core" },
  memoryBytes: { min: 4 * 1024 ** 2, max: 4 * 1024 ** 4, unit: "bytes (4 MiB to 4 TiB)" },
  diskBytes: { min: 0, max: 1024 ** 5, unit: "bytes (at most 1 PiB)" },
} as const satisfies Record<keyof Resources, { min: number; max: number; unit: string }>;

/** What is wrong with an amount, null when it is within its bounds. */
export function resourceProblem(name: keyof Resources, amount: number): string | null {
  const { min, max, unit } = RESOURCE_BOUNDS[name];
  if (Number.isInteger(amount) && amount >= min && amount <= max) return null;
  const shown = (value: number): string => value.toLocaleString("en-US");
  return `${Number.isFinite(amount) ? shown(amount) : String(amount)} is not a whole number from ${shown(min)} to ${shown(max)} ${unit}`;
}
