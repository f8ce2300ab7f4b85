// Loaded with --import: replaces lines of production code as it is read, for the mutant that LORMAS_MUTANT names. Production
// code itself knows of no mutants, and no production entry loads this file.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { mutantNamed } from "./all-mutants.ts";
import { mutated } from "./mutant.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const mutant = mutantNamed(process.env["LORMAS_MUTANT"] ?? "");
const files = new Set(mutant.edits.map(({ file }) => file));

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith("file:")) return nextLoad(url, context);
    const path = fileURLToPath(url);
    const file = relative(repository, path).split(sep).join("/");
    if (!files.has(file)) return nextLoad(url, context);
    const source = mutated(readFileSync(path, "utf8"), file, mutant);
    return { format: "module-typescript", source, shortCircuit: true };
  },
});
