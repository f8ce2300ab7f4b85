import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";

/** Bytes as text; a CliFailure when they are no UTF-8. */
export function eggText(source: string, bytes: Uint8Array): string {
  try {
    // The coordinator takes a byte order mark off itself.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CliFailure(exitCode.usage, `${source} is no text in UTF-8`, "save it as UTF-8");
  }
}

/** The failure of a source with more bytes than are read. */
export function tooLarge(source: string, bytesMax: number): CliFailure {
  const message = `${source} has more than ${bytesMax} bytes`;
  return new CliFailure(exitCode.usage, message, "no egg is so large; take its icon out if it is one");
}
