import type { ExitCode } from "./exit-code.ts";

/** A failure that a person meets: what and why in the message, then what to do, and how the process ends. */
export class CliFailure extends Error {
  override readonly name = "CliFailure";
  readonly code: ExitCode;
  /** What the person can do about it; empty when there is nothing to add. */
  readonly nextStep: string;

  constructor(code: ExitCode, message: string, nextStep: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.nextStep = nextStep;
  }
}

/** The text for stderr. */
export function failureText(failure: CliFailure): string {
  return `lormas: ${failure.message}\n${failure.nextStep === "" ? "" : `  next: ${failure.nextStep}\n`}`;
}
