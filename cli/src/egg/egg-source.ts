import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CliFailure } from "../cli-failure.ts";
import type { Clock } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { eggText, tooLarge } from "./egg-text.ts";
import { fetchEgg } from "./fetch-egg.ts";

/** Most bytes of one egg; the coordinator takes no more. */
export const EGG_BYTES_MAX = 768 * 1024;
/** Most eggs of one call. */
export const EGGS_MAX = 5_000;
const DEPTH_MAX = 16;

/** An egg's text, or why it could not be read. */
export type EggText = { readonly source: string; readonly text: string | CliFailure };

/**
 * The texts of files, of the .json, .yaml and .yml files below directories (in the order of their names, without what begins with a
 * dot), and behind http and https URLs, one after the other. A source that cannot be read is a failure of its own; throws a
 * CliFailure only where there is no egg at all, or more than EGGS_MAX.
 */
export async function* eggTexts(sources: readonly string[], clock: Clock): AsyncGenerator<EggText> {
  let count = 0;
  for (const given of sources) {
    const isUrl = /^https?:\/\//i.test(given);
    const paths = isUrl ? [given] : await filesOf(given).catch(asFailure(given));
    if (paths instanceof CliFailure) {
      count += 1;
      yield { source: given, text: paths };
      continue;
    }
    for (const source of paths) {
      count += 1;
      if (count > EGGS_MAX) {
        throw new CliFailure(exitCode.usage, `more than ${EGGS_MAX} eggs`, "import them in several calls");
      }
      const text = await (isUrl ? fetchEgg(source, EGG_BYTES_MAX, clock) : readEgg(source)).catch(asFailure(source));
      yield { source, text };
    }
  }
  if (count > 0) return;
  const nextStep = "name a file, or a directory with .json, .yaml or .yml files";
  throw new CliFailure(exitCode.notFound, `there is no egg in ${sources.join(", ")}`, nextStep);
}

/** A path that is no directory stands for itself. */
async function filesOf(path: string): Promise<string[]> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isDirectory ? below(path, 0) : [path];
}

async function below(directory: string, depth: number): Promise<string[]> {
  if (depth >= DEPTH_MAX) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  const paths: string[] = [];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) paths.push(...(await below(path, depth + 1)));
    else if (entry.isFile() && /\.(json|ya?ml)$/i.test(entry.name)) paths.push(path);
  }
  return paths;
}

/** Never reads more than the bound, whatever the file is. */
async function readEgg(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(EGG_BYTES_MAX + 1);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled > EGG_BYTES_MAX) throw tooLarge(path, EGG_BYTES_MAX);
    return eggText(path, buffer.subarray(0, filled));
  } finally {
    await file.close();
  }
}

function asFailure(source: string): (thrown: unknown) => CliFailure {
  return (thrown) => {
    if (thrown instanceof CliFailure) return thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const isGone = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
    const code = isGone ? exitCode.notFound : exitCode.failed;
    return new CliFailure(code, `${source} cannot be read: ${reason}`, "name a file, a directory or a URL of an egg");
  };
}
