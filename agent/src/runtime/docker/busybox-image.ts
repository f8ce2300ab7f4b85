import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Debian's busybox-static: runs in an image that holds nothing else. */
export const STATIC_BUSYBOX = "/bin/busybox";

const APPLETS = [
  "sh",
  "sleep",
  "echo",
  "nc",
  "httpd",
  "cat",
  "ls",
  "touch",
  "head",
  "yes",
  "true",
  "false",
  "kill",
  "stat",
  "stty",
  "chown",
  "rm",
];

/** Writes the file system of an image for tests, a static busybox with some applets as links, as a tar below `folder`. */
export function busyboxTar(folder: string): string {
  const root = join(folder, "image");
  mkdirSync(join(root, "bin"), { recursive: true });
  mkdirSync(join(root, "tmp"));
  cpSync(STATIC_BUSYBOX, join(root, "bin", "busybox"), { dereference: true });
  for (const applet of APPLETS) execFileSync("ln", ["-s", "busybox", join(root, "bin", applet)]);
  const tar = join(folder, "image.tar");
  execFileSync("tar", ["-C", root, "-cf", tar, "."]);
  rmSync(root, { recursive: true });
  return tar;
}
