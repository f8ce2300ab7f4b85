/** The first of demo-1, demo-2, … that no container has. */
export function freeDemoName(taken: readonly string[]): string {
  const names = new Set(taken);
  let number = 1;
  while (names.has(`demo-${number}`)) number += 1;
  return `demo-${number}`;
}
