import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { entering } from "../hosts/host-cgroups.ts";

export type DetachedCommand = {
  readonly words: readonly string[];
  readonly logPath: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The groups that it and all that it starts are found again by; none when the words see to that. */
  readonly cgroups?: readonly string[];
};

/** What of this process's environment a host does not know. */
const NOT_THERE = /^(npm_|VITEST|DOCKER_|DATABASE_URL|LORMAS_(?!TEST_RUN$))/;

/** Starts a program that lives on when this process ends. */
export function startDetached({ words, logPath, environment = {}, cgroups = [] }: DetachedCommand): void {
  const log = openSync(logPath, "a", 0o600);
  const kept = Object.entries(process.env).filter(([key]) => !NOT_THERE.test(key));
  const child = spawn("/bin/sh", ["-c", `${entering(cgroups)}exec "$@"`, "sh", ...words], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...Object.fromEntries(kept), ...environment },
  });
  closeSync(log);
  // Whoever waits for what it should do says that it has not come, and where its log is.
  child.on("error", () => undefined);
  child.unref();
}
