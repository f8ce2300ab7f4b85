/** An amount of what containers use up. Memory and disk are bytes, exact up to 2^53. */
export type Resources = {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
};

export const NO_RESOURCES: Resources = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 };

/** How people say each: in which unit, and of what. */
const WORDS = {
  cpuMillis: { perUnit: 1_000, units: "cores", unit: "core" },
  memoryBytes: { perUnit: 1_048_576, units: "MiB of memory", unit: "MiB of memory" },
  diskBytes: { perUnit: 1_048_576, units: "MiB of disk", unit: "MiB of disk" },
} as const satisfies Record<keyof Resources, { perUnit: number; units: string; unit: string }>;

/** An amount of one of them as a number in the unit that people use; bytes are rounded to whole MiB. */
export function amountOf(name: keyof Resources, amount: number): string {
  const { perUnit } = WORDS[name];
  return String(name === "cpuMillis" ? amount / perUnit : Math.round(amount / perUnit));
}

/** The same with its unit: "0.5 cores", "512 MiB of memory". */
export function amountText(name: keyof Resources, amount: number): string {
  const number = amountOf(name, amount);
  const { units, unit } = WORDS[name];
  return `${number} ${number === "1" ? unit : units}`;
}

/** The sum of two amounts. */
export function plus(a: Resources, b: Resources): Resources {
  return {
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    diskBytes: a.diskBytes + b.diskBytes,
  };
}
