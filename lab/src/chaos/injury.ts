/** What was done to one host, from when until it was whole again: boot time in milliseconds. */
export type Injury = {
  readonly host: string;
  /** The name of the fault. */
  readonly fault: string;
  readonly fromMs: number;
  readonly untilMs: number;
};
