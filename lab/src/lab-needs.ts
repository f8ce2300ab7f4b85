import { existsSync } from "node:fs";

/** Programs that a lab calls, and Debian's package of each. */
const PROGRAMS = [
  { program: "dockerd", package: "docker.io" },
  { program: "docker", package: "docker.io" },
  { program: "ip", package: "iproute2" },
  { program: "tc", package: "iproute2" },
  { program: "iptables", package: "iptables" },
  { program: "tini", package: "tini" },
  { program: "nsenter", package: "util-linux" },
  { program: "unshare", package: "util-linux" },
  { program: "mount", package: "mount" },
  { program: "tar", package: "tar" },
] as const;
/** What goes into an image must be static, and its package puts it there. */
const BUSYBOX = { path: "/bin/busybox", package: "busybox-static" } as const;
/** Debian's administrators have them in their PATH; others need not. */
const FURTHER = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/** What of a machine a lab looks at. */
export type Machine = {
  readonly platform: NodeJS.Platform;
  readonly uid: number | undefined;
  readonly path: string;
  readonly exists: (path: string) => boolean;
};

export const thisMachine = (): Machine => ({
  platform: process.platform,
  uid: process.getuid?.(),
  path: process.env["PATH"] ?? "",
  exists: existsSync,
});

/** Why no lab can be had here and what to do about it, in one line; null where one can. */
export function labProblem({ platform, uid, path, exists }: Machine): string | null {
  if (platform !== "linux") return `a lab is made of Linux namespaces, and this is ${platform}: run it on Linux`;
  const folders = [...path.split(":").filter(Boolean), ...FURTHER];
  const missing = PROGRAMS.filter(({ program }) => !folders.some((folder) => exists(`${folder}/${program}`)));
  const packages = new Set<string>(missing.map((entry) => entry.package));
  if (!exists(BUSYBOX.path)) packages.add(BUSYBOX.package);
  if (packages.size > 0) return `packages are missing: apt-get install ${[...packages].sort().join(" ")}`;
  if (uid !== 0) return "a lab makes namespaces and mounts: run it as root";
  return null;
}
