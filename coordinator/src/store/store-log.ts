/** What the store says of itself; a pino logger fits. Secrets never go in. */
export interface StoreLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Says nothing; for tools and tests. */
export const silentLog: StoreLog = { info: () => {}, warn: () => {}, error: () => {} };
