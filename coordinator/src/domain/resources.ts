/** An amount of what containers use up. Memory and disk are bytes, exact up to 2^53. */
export type Resources = {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
};

export const NO_RESOURCES: Resources = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 };

/** The sum of two amounts. */
export function plus(a: Resources, b: Resources): Resources {
  return {
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    diskBytes: a.diskBytes + b.diskBytes,
  };
}
