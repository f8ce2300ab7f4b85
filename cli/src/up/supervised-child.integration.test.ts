import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { killPid, markedPids } from "./host-mark.ts";
import { LogFile, logTail } from "./log-file.ts";
import { SupervisedChild } from "./supervised-child.ts";
import { ProcessFixture, runs, until } from "./testing/process-fixture.ts";

let fixture: ProcessFixture;
const open: SupervisedChild[] = [];

beforeEach(() => {
  fixture = new ProcessFixture();
});

afterEach(async () => {
  for (const child of open.splice(0)) await child.stop(0, "");
  fixture.dispose();
});

/** A child that writes "up <pid>" and then does as its source says. */
function child(source: string, messages = false): SupervisedChild {
  const path = fixture.program("child.mjs", `console.log("up", process.pid);\n${source}`);
  const made = new SupervisedChild(
    {
      name: "child",
      executable: process.execPath,
      args: () => [path],
      cwd: fixture.directory,
      environment: async () => ({ PATH: process.env["PATH"] ?? "" }),
      logPath: join(fixture.directory, "child.log"),
      messages,
    },
    fixture.newMark(),
    systemClock,
  );
  open.push(made);
  return made;
}

const upLines = () => logTail(join(fixture.directory, "child.log"), 100).filter((line) => line.startsWith("up "));
const forever = "setInterval(() => undefined, 1000);";
/** A grandchild that outlives its parent unless it is found by the mark; it ignores SIGTERM. */
const grandchild = `
import { spawn } from "node:child_process";
spawn(process.execPath, ["-e", "process.on('SIGTERM', () => 0); setInterval(() => 0, 1000)"], { detached: true, stdio: "ignore" });
`;

describe("a supervised child", () => {
  it("is started again after it died by itself, and its output is kept", async () => {
    const subject = child("setTimeout(() => process.exit(7), 20);");
    const deaths: string[] = [];
    subject.on("died", (how) => deaths.push(how));
    await subject.start();
    await until("a second start", 10_000, () => upLines().length >= 2);
    expect(deaths[0]).toBe("exit code 7");
  });

  it("stays down after kill(), with everything it ran, until it is started again", async () => {
    const subject = child(grandchild + forever);
    await subject.start();
    await until("child and grandchild", 10_000, () => markedPids(subject.mark).length === 2);
    expect(await subject.kill("")).toBe(2);
    expect(markedPids(subject.mark)).toEqual([]);
    expect(subject.state).toBe("killed");
    await subject.start();
    await until("running again", 10_000, () => markedPids(subject.mark).length === 2);
  });

  it("is asked to end first, and killed when it does not within its grace", async () => {
    const asked = join(fixture.directory, "asked");
    const subject = child(`import { writeFileSync } from "node:fs";
process.on("SIGTERM", () => writeFileSync(${JSON.stringify(asked)}, ""));
console.log("deaf");
${forever}`);
    await subject.start();
    await until("deaf to SIGTERM", 10_000, () => logTail(subject.program.logPath, 9).includes("deaf"));
    await subject.stop(300, "");
    expect(existsSync(asked)).toBe(true);
    expect(markedPids(subject.mark)).toEqual([]);
    expect(subject.state).toBe("stopped");
  });

  it("leaves nothing of what it ran behind when it is stopped", async () => {
    const subject = child(`${grandchild}process.on("SIGTERM", () => process.exit(0));${forever}`);
    await subject.start();
    await until("child and grandchild", 10_000, () => markedPids(subject.mark).length === 2);
    await subject.stop(300, "");
    expect(markedPids(subject.mark)).toEqual([]);
  });

  it("keeps what a dead child left running, with its lifeline, for the next one", async () => {
    const subject = child(`import { spawn } from "node:child_process";
import { Socket } from "node:net";
if (process.argv[2] === "guard") { new Socket({ fd: 3 }).on("close", () => process.exit(0)).resume(); ${forever} }
else {
  spawn(process.execPath, [process.argv[1], "guard"], { detached: true, stdio: ["ignore", "ignore", "ignore", 3] });
  ${forever}
}`);
    await subject.start();
    await until("child and guard", 10_000, () => markedPids(subject.mark).length === 2);
    const first = subject.pid ?? 0;
    const guard = markedPids(subject.mark).find((pid) => pid !== first) ?? 0;
    killPid(first);
    await until("the next child", 10_000, () => subject.pid !== undefined && subject.pid !== first);
    expect(runs(guard)).toBe(true);
    await subject.stop(1000, "");
    expect(runs(guard)).toBe(false);
  });

  it("hands on messages of the child", async () => {
    const subject = child(`process.send({ type: "ready" });${forever}`, true);
    const messages: unknown[] = [];
    subject.on("message", (message) => messages.push(message));
    await subject.start();
    await until("the message", 10_000, () => messages.length === 1);
    expect(messages).toEqual([{ type: "ready" }]);
  });

  it("cannot be started from a program that is not there, and says so", async () => {
    const missing = new SupervisedChild(
      {
        name: "missing",
        executable: join(fixture.directory, "missing"),
        args: () => [],
        cwd: fixture.directory,
        environment: async () => ({}),
        logPath: join(fixture.directory, "missing.log"),
        messages: false,
      },
      fixture.newMark(),
      systemClock,
    );
    open.push(missing);
    await expect(missing.start()).rejects.toThrow("ENOENT");
  });
});

describe("a child's log", () => {
  it("begins a new file at its bound and keeps one older", () => {
    const path = join(fixture.directory, "x.log");
    const log = new LogFile(path, 10);
    for (const text of ["aaaa\n", "bbbb\n", "cccc\n", "dddddddddddddd\n", "e\n"]) log.write(Buffer.from(text));
    log.close();
    expect(readFileSync(path, "utf8")).toBe("e\n");
    expect(readFileSync(`${path}.1`, "utf8")).toBe("dddddddddddddd\n");
    expect(existsSync(`${path}.2`)).toBe(false);
  });

  it("goes on where an earlier run ended, and shows its end", () => {
    const path = join(fixture.directory, "y.log");
    for (const text of ["1\n2\n", "3\n"]) {
      const log = new LogFile(path, 100);
      log.write(Buffer.from(text));
      log.close();
    }
    expect(logTail(path, 2)).toEqual(["2", "3"]);
    expect(logTail(join(fixture.directory, "none.log"), 2)).toEqual([]);
  });
});
