// Fails when an import points the wrong way or a file is badly named; prints each as file:line. Run by npm run check.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { arrowViolations, type Violation } from "./arrows.ts";
import { repositoryRoot } from "./bootstrap.mjs";
import { fileViolations } from "./file-rules.ts";

const SKIPPED = new Set(["node_modules", "build", ".git", ".svelte-kit", ".lormas", "test-results", "third_party"]);
const SOURCE = /\.(ts|mjs|svelte)$/;

/** Every hand-written source file, relative to the root. */
function* sourceFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(join(repositoryRoot, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (SKIPPED.has(entry.name) || path === "gen/src") continue;
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (entry.isFile() && SOURCE.test(entry.name)) yield path;
  }
}

const violations: Violation[] = [];
let files = 0;
for (const file of sourceFiles("")) {
  const source = readFileSync(join(repositoryRoot, file), "utf8");
  files += 1;
  violations.push(...arrowViolations(file, source), ...fileViolations(file, source));
}
for (const { file, line, message } of violations) console.error(`${file}:${line} ${message}`);
console.log(`${files} files`);
process.exitCode = violations.length === 0 ? 0 : 1;
