import { spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bootClock } from "@lormas/agent/clock/clock.ts";
import { guardSocketPath } from "@lormas/agent/guard/guard-settings.ts";
import { GUARD_FLAGS, installGuardProgram } from "@lormas/agent/guard-client/guard-program.ts";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { type Memory, memoryOf } from "../frame/process-usage.ts";
import { atMost, beside, type Findings, plain, type Section } from "../frame/section.ts";

const CONTAINERS = 200;
/** Half an hour of the default profile. */
const RENEWALS = 3_000;
const RESIDENT_MAX_MB = 60;
const LISTENS_MS = 10_000;
/** After the last renewal, so that what a renewal left behind is gone. */
const REST_MS = 1_000;
const clock = bootClock();
const SOURCES = fileURLToPath(new URL("../../agent/src/guard/main.ts", import.meta.url));

export const guardMemory: Section = {
  name: "guard-memory",
  measures:
    `memory of one guard that holds ${CONTAINERS} containers and has taken ${RENEWALS} renewals, started as the agent ` +
    "starts it, against the same guard from its TypeScript sources without flags",
  run: guardMemoryRun,
};

async function guardMemoryRun(bench: BenchRun): Promise<Findings> {
  const plainGuard = await bench.part((part) => measured(part, () => [SOURCES]));
  const guard = await bench.part((part) => measured(part, (runDir) => [...GUARD_FLAGS, installGuardProgram(runDir)]));
  const against = (figure: string, of: (memory: Memory) => number) =>
    beside(figure, of(guard), "MB", { name: "from its sources", value: of(plainGuard) });
  return {
    rows: [
      against("resident (shared pages counted whole)", ({ rssMb }) => rssMb),
      atMost("resident, bounded", guard.rssMb, "MB", RESIDENT_MAX_MB),
      against("resident (shared pages by share)", ({ pssMb }) => pssMb),
      against("private: what one more guard costs", ({ privateMb }) => privateMb),
      plain("threads", guard.threads, ""),
    ],
    plots: [],
  };
}

async function measured(part: BenchRun, program: (runDir: string) => string[]): Promise<Memory> {
  const runDir = part.folder();
  const settings = { runDir, logPath: join(runDir, "log"), cgroups: null, watchdog: null };
  const guard = spawn(process.execPath, [...program(runDir), JSON.stringify(settings)], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  part.defer(() => ended(guard, "SIGKILL"));
  const socket = await until("the guard listens", LISTENS_MS, () => dialled(guardSocketPath(settings)));
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  let id = 0;
  const ask = async (question: object) => {
    id += 1;
    socket.write(`${JSON.stringify({ ...question, id })}\n`);
    const { value } = await answers.next();
    if (JSON.parse(String(value)).type !== "ok") throw new Error(`the guard answered ${value}`);
  };
  await ask({ type: "hello" });
  for (let n = 0; n < CONTAINERS; n += 1) {
    const cgroups = ["memory", "cpu", "pids", "freezer"].map((tree) => `/sys/fs/cgroup/${tree}/lormas/bench/${n}`);
    const gate = { path: "/gate", containerId: `container-${n}`, epoch: "1", session: "1" };
    const group = { containerId: `container-${n}`, ha: false, pid: 1 << 22, startTicks: "1", cgroups, gate };
    await ask({ type: "register", group, adopt: false });
  }
  for (let n = 0; n < RENEWALS; n += 1) {
    const deadlineMs = clock.nowMs() + 60_000;
    await ask({ type: "renew", grant: { deadlineMs, softEndMs: deadlineMs - 30_000, killMs: 1_000, fenced: true } });
  }
  await pause(REST_MS);
  return memoryOf(guard.pid ?? 0);
}

function dialled(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
