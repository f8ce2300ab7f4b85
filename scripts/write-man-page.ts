// Writes docs/man/lormas.1 from the command line's own help. With --check nothing is written: it fails when the page is
// not what the help says now.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CliContext } from "../cli/src/cli-context.ts";
import { manPage } from "../cli/src/man-page.ts";
import { buildProgram } from "../cli/src/program.ts";
import { repositoryRoot } from "./bootstrap.mjs";

const path = join(repositoryRoot, "docs/man/lormas.1");
const { version } = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
// Nothing else of it is looked at before a command runs.
const context = { version } as Partial<CliContext> as CliContext;
const wanted = manPage(buildProgram(context, () => {}));
const present = existsSync(path) ? readFileSync(path, "utf8") : "";
if (!process.argv.includes("--check")) {
  mkdirSync(dirname(path), { recursive: true });
  if (present !== wanted) {
    writeFileSync(path, wanted);
    console.log("wrote docs/man/lormas.1");
  }
} else if (present !== wanted) {
  console.error("docs/man/lormas.1 is not what the help says\nwrite it anew: npm run gen");
  process.exitCode = 1;
}
