/** Steps of a path from a volume's root to a file in it; null for one that leads elsewhere, or to nothing. */
export function volumePath(path: string): string[] | null {
  const steps = path.split("/").filter((step) => step !== "" && step !== ".");
  const isOdd = steps.length === 0 || steps.some((step) => step === ".." || step.includes("\0") || step.length > 255);
  return isOdd || path.endsWith("/") ? null : steps;
}
