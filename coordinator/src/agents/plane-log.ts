/** Where the agent plane writes what it did: structured fields and one short text. A pino logger is one. */
export interface PlaneLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
