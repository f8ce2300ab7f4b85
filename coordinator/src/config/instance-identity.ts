import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The name of this data directory's coordinator where no other was given; made at the first start and the same ever after.
 * That two coordinators with one name are not taken for each other is the business of leaseHolder.
 */
export function instanceIdentity(dataDir: string): string {
  const file = join(dataDir, "instance-id");
  const stored = readStored(file);
  if (stored !== null) return stored;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, `coordinator-${randomBytes(8).toString("hex")}\n`, { mode: 0o600, flush: true });
  try {
    // Whole or not at all, and never over another's.
    linkSync(draft, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
  const made = readStored(file);
  if (made === null) throw new Error(`${file} is empty or no identity; delete it and start again`);
  return made;
}

function readStored(file: string): string | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw thrown;
  }
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return text;
  throw new Error(`${file} holds no identity; delete it and start again`);
}
