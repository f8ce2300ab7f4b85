/** A closed set of reasons why the store cannot serve. */
export type StoreFailureCode =
  | "platform_missing"
  | "user_missing"
  | "unreadable"
  | "in_use"
  | "wrong_version"
  | "disk_full"
  | "port_taken"
  | "start_failed"
  | "unreachable"
  | "migration_failed";

/** The store cannot serve; the message names the thing, the reason and the next step, and can be shown as it is. */
export class StoreFailure extends Error {
  readonly code: StoreFailureCode;

  constructor(code: StoreFailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "StoreFailure";
    this.code = code;
  }
}

/** The text of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === "") return thrown.errors.map(reasonOf).join("; ");
  return thrown instanceof Error ? thrown.message : String(thrown);
}
