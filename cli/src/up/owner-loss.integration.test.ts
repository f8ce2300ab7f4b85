import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { killPid } from "./host-mark.ts";
import { parseAncestors, readProcess } from "./npm-ancestors.mjs";
import { ProcessFixture, runs, until } from "./testing/process-fixture.ts";

const up = import.meta.dirname;
let fixture: ProcessFixture;
const started: ChildProcess[] = [];

beforeEach(() => {
  fixture = new ProcessFixture();
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  fixture.dispose();
});

/**
 * A supervisor process of its own, made of the real Supervisor, the real watch and two small children that end by
 * their lifelines. It writes its pid to a file once its children run.
 */
function supervisorProgram(marks: readonly string[]): string {
  const child = fixture.program(
    "child.mjs",
    `import { Socket } from "node:net";
new Socket({ fd: Number(process.env.LORMAS_LIFELINE_FD) }).on("close", () => process.exit(1)).resume();
if (process.send) process.send({ type: "ready", httpUrl: "http://127.0.0.1:1", agentAddress: "x", adminEmail: "" });
`,
  );
  return fixture.program(
    "supervisor.ts",
    `import { writeFileSync } from "node:fs";
import { systemClock } from ${JSON.stringify(join(up, "..", "clock.ts"))};
import { DataDir } from ${JSON.stringify(join(up, "data-dir.ts"))};
import { planNodes } from ${JSON.stringify(join(up, "node-plan.ts"))};
import { npmAncestors, parseAncestors } from ${JSON.stringify(join(up, "npm-ancestors.mjs"))};
import { watchOwner } from ${JSON.stringify(join(up, "owner-watch.ts"))};
import { defaultBounds, hastyStop, Supervisor } from ${JSON.stringify(join(up, "supervisor.ts"))};
const marks = ${JSON.stringify(marks)};
const program = { executable: process.execPath, args: [${JSON.stringify(child)}], cwd: ${JSON.stringify(fixture.directory)}, environment: {} };
const supervisor = new Supervisor({
  dataDir: DataDir.prepare(${JSON.stringify(join(fixture.directory, "data"))}), clock: systemClock,
  coordinator: program, agent: () => program, nodes: planNodes(1, undefined),
  connect: () => ({ createJoinToken: async () => "t", nodes: async () => [{ id: "", name: "node-1", healthy: true, heardAt: String(process.hrtime.bigint()) }] }),
  newMark: () => marks.shift(), say: () => undefined, bounds: defaultBounds,
});
const fd = process.env.LORMAS_LIFELINE_FD;
const list = process.env.LORMAS_ANCESTORS;
watchOwner(systemClock, fd ? Number(fd) : undefined, list === undefined ? npmAncestors(process.pid) : parseAncestors(list), () => {
  supervisor.stop(hastyStop).then(() => process.exit(1));
});
await supervisor.startCoordinator();
await supervisor.startAgents();
writeFileSync(${JSON.stringify(join(fixture.directory, "up"))}, String(process.pid));
`,
  );
}

async function supervisorPid(): Promise<number> {
  let pid = 0;
  await until("the supervisor and its two children", 20_000, () => {
    try {
      pid = Number(readFileSync(join(fixture.directory, "up"), "utf8"));
    } catch {
      return false; // Not written yet.
    }
    return pid > 0 && fixture.running().length === 2;
  });
  return pid;
}

function start(command: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command, args, { stdio: "ignore", env: { PATH: process.env["PATH"] ?? "", ...env } });
  started.push(child);
  return child;
}

/** Nothing with the marks and no supervisor within 5 s. */
async function allGone(supervisor: number): Promise<void> {
  await until("everything has ended", 5000, () => !runs(supervisor) && fixture.running().length === 0);
}

describe("kill -9 leaves nothing running", () => {
  it("of the supervisor", async () => {
    start(process.execPath, [supervisorProgram([fixture.newMark(), fixture.newMark()])]);
    const pid = await supervisorPid();
    killPid(pid);
    await allGone(pid);
  });

  it("of npm, while the shell and the bootstrap in between live on", async () => {
    const program = supervisorProgram([fixture.newMark(), fixture.newMark()]);
    // Called "npm" like the real one, with a shell that waits in between.
    const npm = fixture.program(
      "npm",
      `require("node:child_process").spawn("/bin/sh", ["-c", ${JSON.stringify(`${process.execPath} ${program}; true`)}], { stdio: "ignore" });
setInterval(() => undefined, 1000);`,
    );
    const parent = start(process.execPath, [npm]);
    const pid = await supervisorPid();
    const shell = readProcess(pid)?.parentPid ?? 0;
    expect(readProcess(shell)?.parentPid).toBe(parent.pid);
    parent.kill("SIGKILL");
    await allGone(pid);
  });

  it("of the bootstrap, which holds the supervisor's lifeline", async () => {
    const program = supervisorProgram([fixture.newMark(), fixture.newMark()]);
    const children = join(up, "..", "..", "..", "scripts", "bootstrap", "owned-children.mjs");
    const bootstrap = fixture.program(
      "bootstrap.mjs",
      `import { OwnedChildren } from ${JSON.stringify(children)};
await new OwnedChildren([]).runToEnd(process.execPath, [${JSON.stringify(program)}], { env: { ...process.env, LORMAS_ANCESTORS: "" } });`,
    );
    const parent = start(process.execPath, [bootstrap]);
    const pid = await supervisorPid();
    parent.kill("SIGKILL");
    await allGone(pid);
  });

  it("of npm, while the bootstrap is still installing", async () => {
    const children = join(up, "..", "..", "..", "scripts", "bootstrap", "owned-children.mjs");
    const mark = fixture.newMark();
    const bootstrap = fixture.program(
      "bootstrap.mjs",
      `import { OwnedChildren } from ${JSON.stringify(children)};
import { npmAncestors } from ${JSON.stringify(join(up, "npm-ancestors.mjs"))};
await new OwnedChildren(npmAncestors(process.pid)).runStep("/bin/sh", ["-c", "sleep 600; true"], { env: { ...process.env, LORMAS_HOST_MARK: ${JSON.stringify(mark)} } });`,
    );
    const npm = fixture.program(
      "npm",
      `require("node:child_process").spawn(process.execPath, [${JSON.stringify(bootstrap)}], { stdio: "ignore" });
setInterval(() => undefined, 1000);`,
    );
    const parent = start(process.execPath, [npm]);
    await until("the step runs", 10_000, () => fixture.running().length === 2);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await until("the step has ended", 5000, () => fixture.running().length === 0);
  });
});

describe("the list of ancestors", () => {
  it("travels as text, and anything else is refused", () => {
    expect(parseAncestors("")).toEqual([]);
    expect(parseAncestors("12@345,7@Sat Nov 21 11:00:00 2026")).toEqual([
      { pid: 12, startTime: "345" },
      { pid: 7, startTime: "Sat Nov 21 11:00:00 2026" },
    ]);
    expect(() => parseAncestors("12")).toThrow("LORMAS_ANCESTORS");
  });

  it("tells a process from a later one with the same pid", () => {
    const own = readProcess(process.pid);
    expect(own?.parentPid).toBe(process.ppid);
    expect(readProcess(2 ** 30)).toBeNull();
  });
});
