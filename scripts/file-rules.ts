import { posix } from "node:path";
import type { Violation } from "./arrows.ts";

/** No hand-written source file is longer. */
export const LINES_MAX = 450;

const NAMELESS = /^(utils?|helpers?|types?|index|common|misc)\.(ts|mjs|svelte\.ts|svelte)$/;

/** What is wrong with a source file's name or length: a file is named for its main noun and stays small. */
export function fileViolations(file: string, source: string): Violation[] {
  const violations: Violation[] = [];
  const name = posix.basename(file);
  if (NAMELESS.test(name)) {
    const message = `"${name}" says nothing: name the file for its main noun, and import from it directly (no barrels)`;
    violations.push({ file, line: 1, message });
  }
  const lines = source.split("\n").length - 1;
  if (lines > LINES_MAX) {
    violations.push({ file, line: LINES_MAX, message: `${lines} lines; at most ${LINES_MAX}: split it by its nouns` });
  }
  return violations;
}
