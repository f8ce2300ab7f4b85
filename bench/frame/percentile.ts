/**
 * The smallest of the values that `share` of them do not exceed (the nearest rank: always a value that was measured). Throws
 * where nothing was measured: a figure of nothing would look like a good one.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}

/** The middle value, or what lies between the two in the middle. Throws where nothing was measured. */
export function median(values: readonly number[]): number {
  return (
    (percentile(values, 0.5) -
      percentile(
        values.map((value) => -value),
        0.5,
      )) /
    2
  );
}
