import { chmodSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { setPriority } from "node:os";
import { bootClock, bootId, systemTimers } from "../clock/clock.ts";
import {
  cgroupFolders,
  enterCgroup,
  everyCgroupFolder,
  makeCgroup,
  removeCgroup,
  setFrozen,
  writableCgroups,
} from "../process/cgroup-layout.ts";
import { isRunning } from "../process/process-table.ts";
import { AgentKeeper, type AgentLaunch } from "./agent-keeper.ts";
import { boundLog, startAgent } from "./agent-starter.ts";
import { Guard } from "./guard.ts";
import { guardHands, killNodePass } from "./guard-hands.ts";
import type { GuardAnswer, GuardRequest } from "./guard-message.ts";
import { readGuardFile } from "./guard-record.ts";
import { listenAlone, serveLines } from "./guard-server.ts";
import { type GuardSettings, guardFilePath, guardSocketPath } from "./guard-settings.ts";
import { lifelineFd, watchLifeline } from "./lifeline.ts";
import { openWatchdog, type Watchdog } from "./watchdog.ts";

// The guard process: it holds this node's deadline while the agent lives or dies, and kills when it passes. It knows no
// network and no engine; its parent is the agent, but it outlives it.

const settings = JSON.parse(process.argv[2] ?? "null") as GuardSettings | null;
if (!settings) {
  console.error("the guard is started by the agent, with its settings as JSON");
  process.exit(2);
}

const LOG_LOOK_MS = 60_000;
const NO_LIMITS = { cpuMillis: 0, memoryBytes: 0n, pidsMax: 0 };
const clock = bootClock();
const log = (message: string, facts: Record<string, unknown> = {}) =>
  console.log(JSON.stringify({ bootMs: clock.nowMs(), pid: process.pid, msg: message, ...facts }));

// Signals meant for the agent's process group or terminal are not the guard's business; SIGKILL ends it, and it comes back.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
try {
  setPriority(0, -10);
  writeFileSync("/proc/self/oom_score_adj", "-1000");
} catch {
  // Only root may; the guard works without.
}

const layout = settings.cgroups === null ? null : writableCgroups(settings.cgroups.ha);
const cgroups = layout && settings.cgroups ? { layout, paths: settings.cgroups } : null;
if (cgroups) enterCgroup(makeCgroup(cgroups.layout, cgroups.paths.guard, NO_LIMITS), process.pid);

let present: Socket | null = null;
let launch: AgentLaunch | null = null;
const keeper = new AgentKeeper(systemTimers, {
  lives: ({ pid, startTicks }) => isRunning(pid, startTicks),
  start: (agent) => startAgent(agent, log),
  log,
});
let guard: Guard | null = null;
const socketPath = guardSocketPath(settings);
const server = await listenAlone(socketPath, (socket) => {
  serveLines(socket, (request) => answer(socket, request));
});
if (!server) {
  log("another guard serves this node");
  process.exit(0);
}
chmodSync(socketPath, 0o600);

let watchdog: Watchdog | null = null;
const problem = armWatchdog();
if (problem !== null) log(problem);

const filePath = guardFilePath(settings);
guard = new Guard({
  record: readGuardFile(filePath),
  bootId: bootId(),
  clock,
  timers: systemTimers,
  hands: guardHands({ filePath, cgroups, pet: settings.watchdog === null ? null : petWatchdog, log }),
});
log("guard started", { cgroups: cgroups?.paths.node ?? null });

void boundLogs();
const fd = lifelineFd(process.env);
if (fd !== null) watchLifeline(fd, () => void endNode("the supervisor is gone"));

/** Why the host would not be reset, null where it would, or where that is not asked for. */
function armWatchdog(): string | null {
  const path = settings?.watchdog ?? null;
  if (path === null || watchdog) return null;
  try {
    watchdog = openWatchdog(path);
    log("watchdog armed", { path });
    return null;
  } catch (error) {
    return `the watchdog ${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function petWatchdog(): void {
  try {
    watchdog?.pet();
  } catch (error) {
    log("the watchdog takes no pet", { reason: error instanceof Error ? error.message : String(error) });
  }
}

async function boundLogs(): Promise<never> {
  for (;;) {
    await systemTimers.sleep(LOG_LOOK_MS);
    boundLog(settings?.logPath ?? "");
    if (launch) boundLog(launch.logPath);
  }
}

function answer(socket: Socket, request: GuardRequest): GuardAnswer {
  if (!guard) return { type: "refused", id: request.id, reason: "the guard is starting" };
  if (request.type === "hello") {
    const reason = armWatchdog();
    if (reason !== null) return { type: "refused", id: request.id, reason };
    present?.destroy();
    present = socket;
    launch = request.agent ?? null;
    keeper.attached(launch);
    socket.once("close", () => {
      if (present === socket) keeper.detached();
    });
  }
  if (socket !== present) return { type: "refused", id: request.id, reason: "another agent serves this node" };
  if (request.type === "leaving") keeper.dismiss();
  if (request.type === "dismiss") {
    keeper.dismiss();
    // The answer leaves first.
    systemTimers.after(0, () => void endNode("dismissed"));
    return { type: "ok", id: request.id, deadlineMs: null, softEndMs: null };
  }
  return guard.handle(request);
}

/** Kills what is left of this node, HA or not, removes what this process made, and ends. */
async function endNode(reason: string): Promise<void> {
  keeper.dismiss();
  guard?.close();
  const groups = guard?.groups ?? [];
  const endMs = clock.nowMs() + 1_500;
  const pass = () =>
    killNodePass(cgroups, groups, (error) => log("a pass of killing failed", { reason: String(error) }));
  let left = pass();
  for (; left > 0 && clock.nowMs() < endMs; left = pass()) await systemTimers.sleep(10);
  if (left === 0) watchdog?.release();
  rmSync(settings?.runDir ?? socketPath, { recursive: true, force: true });
  if (cgroups) {
    for (const path of [cgroups.paths.ha, cgroups.paths.plain]) {
      setFrozen(cgroups.layout, path, false);
      removeCgroup(everyCgroupFolder(path));
    }
    enterRoot();
    removeCgroup(everyCgroupFolder(cgroups.paths.node));
  }
  log("guard ends", { reason });
  // Not process.exit, which waits for a file that is being written.
  process.kill(process.pid, "SIGKILL");
}

/** Leaves the guard's own cgroup, which can only be removed empty. */
function enterRoot(): void {
  if (!cgroups) return;
  try {
    enterCgroup(cgroupFolders(cgroups.layout, "/"), process.pid);
  } catch {
    // The folder then stays; the next guard of this node uses it again.
  }
}
