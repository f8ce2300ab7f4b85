import { execFileSync } from "node:child_process";

/**
 * The first seed of a run that names its commit: new with every commit, the same again for the same one. The first seven
 * digits of the commit's hash, read as a number. Throws where there is no repository.
 */
export function commitSeed(): number {
  try {
    const hash = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return seedOfHash(hash);
  } catch (error) {
    throw new Error("what is drawn by the commit needs a git repository: give a number (--from N) instead", {
      cause: error,
    });
  }
}

export function seedOfHash(hash: string): number {
  return Number.parseInt(hash.slice(0, 7), 16);
}
