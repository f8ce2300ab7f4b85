// npm run gen: checks the protos' form, then makes anew what is made: gen/ (TypeScript and openapi.yaml) the drawings
// of the statecharts, and the man page.
import { spawnSync } from "node:child_process";
import { repositoryRoot } from "./bootstrap.mjs";
import { bufEnvironment, withGenerated, writeGenerated } from "./generated-tree.ts";

const steps: readonly (readonly string[])[] = [["lint"], ["format", "--diff", "--exit-code", "proto"]];
for (const step of steps) {
  const done = spawnSync("buf", step, { cwd: repositoryRoot, env: bufEnvironment, stdio: "inherit" });
  if (done.status !== 0) {
    console.error(`buf ${step.join(" ")} failed; nothing was generated. "npx buf format -w proto" repairs the form.`);
    process.exit(1);
  }
}
const changes = withGenerated(writeGenerated);
for (const { path, kind } of changes) console.log(`${kind === "left over" ? "removed" : "wrote"} ${path}`);
console.log(changes.length === 0 ? "gen/ was fresh" : `gen/: ${changes.length} files changed`);
const drawn = spawnSync(process.execPath, ["scripts/draw-statecharts.ts"], { cwd: repositoryRoot, stdio: "inherit" });
const manual = spawnSync(process.execPath, ["scripts/write-man-page.ts"], { cwd: repositoryRoot, stdio: "inherit" });
process.exitCode = drawn.status || (manual.status ?? 1);
