import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { instanceIdentity } from "../config/instance-identity.ts";
import { lockFile } from "./data-directory-lock.ts";

/**
 * How this process signs the leader's lease: its name, and what it has locked. A coordinator that finds its own signature
 * takes over at once, because it holds the lock that its predecessor held, which is therefore dead. That proves something
 * only of the very same file under the very same kernel: so the signature is made of the file's device and inode, the boot's
 * id, and the data directory's own random identity. The same name on another host, a copied data directory and a host that
 * was restarted sign otherwise, and wait until the lease they find is over, as any other coordinator does.
 *
 * Call it with the data directory locked. Excluded: a machine that is copied with its memory while it runs.
 */
export function leaseHolder(name: string | null, dataDir: string): string {
  const identity = instanceIdentity(dataDir);
  const { dev, ino } = statSync(lockFile(dataDir), { bigint: true });
  const locked = [bootId(), dev, ino, identity].join(" ");
  return `${name ?? identity}@${createHash("sha256").update(locked).digest("hex").slice(0, 32)}`;
}

/** Where the kernel does not tell one boot from another, every start counts as one: it waits, which is always safe. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return randomBytes(16).toString("hex");
  }
}
