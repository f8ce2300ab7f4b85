import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The guard's entry within its folder, as it stands in the process table. */
export const GUARD_ENTRY = "guard/main.mjs";

/**
 * Node's flags for the guard: a bounded heap, a young generation that is collected early, no helper threads, no compilers.
 * What it does is small enough to be interpreted (bench/guard-memory/guard-memory.ts tells what each is worth).
 */
export const GUARD_FLAGS = [
  "--max-old-space-size=64",
  "--max-semi-space-size=1",
  "--v8-pool-size=0",
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
];

const FOLDER = /^code-[0-9a-f]{16}(\.\d+)?$/;
const IMPORT = /(?<=^(?:import|export)\b[^"'`;]*?\bfrom )"((?:\.|@lormas\/)[^"\n]+)"/gm;

/**
 * The guard's sources as plain JavaScript: file name below its folder to text. Types are blanked out here, in the agent, so
 * that the guard's own process never loads the compiler that does it, which is a third of its memory. Lines stay where they
 * are. Throws when a module imports what the guard may not have.
 */
export function guardProgram(): Map<string, string> {
  const files = new Map<string, string>();
  const add = (path: string): string => {
    const name = `${path.split("/").at(-2)}/${path.split("/").at(-1)?.replace(/\.ts$/, ".mjs")}`;
    if (files.has(name)) return name;
    files.set(name, "");
    const { resolve } = createRequire(path);
    const text = plainJavaScript(readFileSync(path, "utf8")).replace(IMPORT, (_whole, specifier: string) => {
      const target = relative(dirname(name), add(resolve(specifier)));
      return `"${target.startsWith(".") ? target : `./${target}`}"`;
    });
    files.set(name, text);
    return name;
  };
  const entry = add(fileURLToPath(new URL("../guard/main.ts", import.meta.url)));
  if (entry !== GUARD_ENTRY) throw new Error(`the guard's entry is ${entry}, not ${GUARD_ENTRY}`);
  return files;
}

/**
 * Writes the guard's program into a folder of its own below `runDir`, named for its content, and answers the entry's path. A
 * folder that is there already is compared with what it must hold; other versions are removed, since a running guard has
 * read all that it needs.
 */
export function installGuardProgram(runDir: string): string {
  const files = guardProgram();
  const hash = createHash("sha256");
  for (const [name, text] of files) hash.update(`${name}\0${text}\0`);
  const folder = join(runDir, `code-${hash.digest("hex").slice(0, 16)}`);
  if (!holds(folder, files)) {
    const made = `${folder}.${process.pid}`;
    for (const [name, text] of files) {
      mkdirSync(dirname(join(made, name)), { recursive: true, mode: 0o700 });
      writeFileSync(join(made, name), text, { mode: 0o600 });
    }
    for (const name of readdirSync(runDir)) {
      if (FOLDER.test(name) && join(runDir, name) !== made)
        rmSync(join(runDir, name), { recursive: true, force: true });
    }
    renameSync(made, folder);
  }
  return join(folder, GUARD_ENTRY);
}

function holds(folder: string, files: ReadonlyMap<string, string>): boolean {
  try {
    return [...files].every(([name, text]) => readFileSync(join(folder, name), "utf8") === text);
  } catch {
    return false;
  }
}

/** Node announces that its own stripping is experimental; that is known, and this Node's version is pinned. */
function plainJavaScript(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
