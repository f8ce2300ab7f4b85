import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Something of the machine that some tests need. */
export type Need = {
  readonly name: string;
  readonly met: boolean;
  /** How to get it, one line. */
  readonly remedy: string;
};

/** Chromium's path: LORMAS_CHROMIUM, else where distributions put it; undefined when there is none. */
export function chromiumPath(): string | undefined {
  const asked = process.env["LORMAS_CHROMIUM"];
  const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return (asked === undefined ? places : [asked]).find((path) => existsSync(path));
}

/** What this machine lacks or has, looked up now. Takes at most 5 s. */
export function needs(): Need[] {
  const docker = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { timeout: 5_000 });
  return [
    {
      name: "a Docker engine",
      met: docker.status === 0,
      remedy: "start dockerd, or set DOCKER_HOST to one that runs (Debian: apt-get install docker.io)",
    },
    {
      name: "Chromium",
      met: chromiumPath() !== undefined,
      remedy: "install it (Debian: apt-get install chromium), or set LORMAS_CHROMIUM to its path",
    },
    {
      name: "root",
      met: process.getuid?.() === 0,
      remedy: "run the tests as root; cgroup limits cannot be set otherwise",
    },
  ];
}
