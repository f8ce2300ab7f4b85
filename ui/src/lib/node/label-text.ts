const KEY = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?)?$/;

/** What is wrong with a label before it is sent; empty: nothing. */
export function labelProblem(key: string, value: string): string {
  const right = "letters, digits, “.”, “_”, “-” and “/”, at most 63, a letter or digit at both ends";
  if (!KEY.test(key)) return `A key is made of ${right}.`;
  return VALUE.test(value) ? "" : `A value is empty, or made of ${right}.`;
}

/** Labels by key. */
export function sortedLabels(labels: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
