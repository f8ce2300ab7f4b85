import { type ChildProcess, spawn } from "node:child_process";

/**
 * The second belt against an orphaned server, beside the parent-death signal: a shell that reads from a pipe nobody
 * writes to. End of file means that whoever held the other end is gone; the server is then told to end at once, and
 * after three seconds to drop everything. In a session of its own, so that Ctrl-C does not end it before the server.
 * Reading fails, other than at the end of file, where somebody else has made the shared pipe non-blocking; it is then
 * looked at five times a second.
 */
const SCRIPT = `
while ! cat > /dev/null 2>&1; do sleep 0.2; done
kill -INT "$1" 2>/dev/null || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  kill -0 "$1" 2>/dev/null || exit 0
  sleep 0.2
done
kill -QUIT "$1" 2>/dev/null
exit 0
`;

/** Watches the launching process itself, and the lifeline where there is one. Returns the way to stop watching. */
export function watchParents(serverPid: number, lifelineFd: number | null): () => void {
  const watchers: ChildProcess[] = [watcher(serverPid, "pipe")];
  if (lifelineFd !== null) watchers.push(watcher(serverPid, lifelineFd));
  return () => {
    for (const { pid } of watchers) if (pid !== undefined) killGroup(pid);
  };
}

function watcher(serverPid: number, stdin: "pipe" | number): ChildProcess {
  const argv = ["-c", SCRIPT, "lormas-postgres-watch", String(serverPid)];
  const child = spawn("/bin/sh", argv, { cwd: "/", detached: true, stdio: [stdin, "ignore", "ignore"] });
  // A watch that could not be started leaves the parent-death signal and the check at the next start.
  child.on("error", () => {});
  child.stdin?.on("error", () => {});
  child.unref();
  return child;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself, having seen the server gone.
  }
}
