/** Gathers the values of an option that may be given again. */
export const collected = (value: string, before: readonly string[] = []): string[] => [...before, value];
