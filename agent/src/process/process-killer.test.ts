import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../clock/wait-for-clock.ts";
import {
  type CgroupLayout,
  controlFolder,
  enterCgroup,
  processesBelow,
  removeCgroup,
  setFrozen,
  writableCgroups,
} from "./cgroup-layout.ts";
import { killCgroupPass, killPass, killPasses } from "./process-killer.ts";
import { isRunning, readProcess } from "./process-table.ts";

const node = `/lormas-killtest-${process.pid}`;
const ha = `${node}/ha`;
const grave = `${node}/grave`;

/** Where this test has mounted the version 2 tree itself, on a machine that does not use it; null where it has not. */
let mountedHere: string | null = null;

/** A version 2 tree of this machine in which groups can be made; it needs no controllers. */
function versionTwo(): CgroupLayout | null {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((one) => one.includes(" - cgroup2 "));
  const mount = line?.split(" ")[4] ?? mountVersionTwo();
  if (!mount) return null;
  try {
    mkdirSync(join(mount, ha), { recursive: true });
    return existsSync(join(mount, ha, "cgroup.kill")) ? { version: 2, mount } : null;
  } catch {
    return null;
  }
}

/** The kernel has one such tree whether anybody mounts it or not. Only root may. */
function mountVersionTwo(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "lormas-cgroup2-"));
  if (spawnSync("mount", ["-t", "cgroup2", "none", folder]).status === 0) mountedHere = folder;
  else rmSync(folder, { recursive: true });
  return mountedHere;
}

afterAll(() => {
  if (mountedHere === null) return;
  // Lazily: whatever still looks into it must not keep the mount behind.
  spawnSync("umount", ["-l", mountedHere]);
  rmdirSync(mountedHere);
});

function versionOne(): CgroupLayout | null {
  const layout = writableCgroups(ha);
  return layout?.version === 1 ? layout : null;
}

function isFrozen(layout: CgroupLayout): boolean {
  const folder = controlFolder(layout, ha);
  if (layout.version === 1) return readFileSync(join(folder, "freezer.state"), "utf8").trim() !== "THAWED";
  return readFileSync(join(folder, "cgroup.freeze"), "utf8").trim() === "1";
}

describe.each([
  { version: 1, layoutOf: versionOne },
  { version: 2, layoutOf: versionTwo },
])("on real control groups of version $version", { timeout: 20_000 }, ({ layoutOf }) => {
  const found = process.platform === "linux" ? layoutOf() : null;
  const required = process.env["LORMAS_TEST_REQUIRE"] === "1";
  const testThere = test.skipIf(!found && !required);
  const layout = found ?? { version: 2 as const, mount: "/no control groups of this version can be made here" };
  let folder: string;
  let children: ChildProcess[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lormas-kill-"));
    children = [];
    mkdirSync(join(controlFolder(layout, ha), "box"), { recursive: true });
  });

  afterEach(async () => {
    setFrozen(layout, ha, false);
    for (const child of children) child.kill("SIGKILL");
    const tree = [controlFolder(layout, node)];
    await waitFor("all of it gone", () => {
      removeCgroup(tree);
      return !existsSync(tree[0] ?? "");
    });
    rmSync(folder, { recursive: true, force: true });
  });

  /** A shell that runs `line` once it has been moved into the group below the parent. */
  function startIn(line: string): number {
    const child = spawn("/bin/sh", ["-c", `read go; ${line}`], { cwd: folder, stdio: ["pipe", "ignore", "inherit"] });
    children.push(child);
    enterCgroup([join(controlFolder(layout, ha), "box")], child.pid ?? 0);
    child.stdin?.end("go\n");
    return child.pid ?? 0;
  }

  const ended = (pid: number) => !isRunning(pid, readProcess(pid)?.startTicks ?? "");
  const bytesOf = (name: string) => (existsSync(join(folder, name)) ? statSync(join(folder, name)).size : 0);

  testThere("everything below the parent dies, what forks without end too, and it is frozen from then on", async () => {
    const pids = [
      startIn("while :; do echo x >> ticks; sleep 0.01; done"),
      startIn("trap '' TERM INT; sleep 300 & wait"),
      startIn("while :; do (exit 0) & done"),
    ];
    await waitFor("they run", () => bytesOf("ticks") > 0);
    await waitFor("none left", () => {
      const left = killCgroupPass(layout, ha, grave);
      expect(isFrozen(layout)).toBe(true);
      return left === 0;
    });
    for (const pid of pids) expect(ended(pid)).toBe(true);
    expect(isFrozen(layout)).toBe(true);
  });

  testThere("what comes late into the frozen parent runs nothing and is killed without a thaw", async () => {
    expect(killCgroupPass(layout, ha, grave)).toBe(0);
    const late = startIn("echo ran > ran");
    await waitFor("it killed", () => {
      killCgroupPass(layout, ha, grave);
      expect(isFrozen(layout)).toBe(true);
      return ended(late);
    });
    expect(readdirSync(folder)).toEqual([]);
    expect(processesBelow(controlFolder(layout, ha))).toEqual([]);
  });

  testThere("of many that enter it by themselves while others are killed, none runs its next instruction", async () => {
    expect(killCgroupPass(layout, ha, grave)).toBe(0);
    const box = join(controlFolder(layout, ha), "box", "cgroup.procs");
    const late = Array.from({ length: 40 }, (_, n) => {
      const child = spawn("/bin/sh", ["-c", `echo $$ > ${box}; echo ran > ran-${n}`], { cwd: folder, stdio: "ignore" });
      children.push(child);
      return child;
    });
    await waitFor("all killed", () => {
      killCgroupPass(layout, ha, grave);
      return late.every((child) => child.exitCode !== null || child.signalCode !== null);
    });
    expect(late.every((child) => child.signalCode === "SIGKILL")).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  testThere("what waits frozen runs once the parent is thawed", async () => {
    setFrozen(layout, ha, true);
    startIn("echo ran > ran");
    expect(bytesOf("ran")).toBe(0);
    setFrozen(layout, ha, false);
    await waitFor("it ran", () => bytesOf("ran") > 0);
  });
});

test("version 2 freezes before it kills, and does not thaw", () => {
  const mount = mkdtempSync(join(tmpdir(), "lormas-cgroup2-"));
  try {
    const layout: CgroupLayout = { version: 2, mount };
    expect(killCgroupPass(layout, ha, grave)).toBe(0);
    mkdirSync(join(mount, ha, "box"), { recursive: true });
    for (const name of ["cgroup.freeze", "cgroup.kill"]) writeFileSync(join(mount, ha, name), "");
    writeFileSync(join(mount, ha, "box", "cgroup.procs"), `${2 ** 22 + 1}\n`);
    expect(killCgroupPass(layout, ha, grave)).toBe(1);
    expect(readFileSync(join(mount, ha, "cgroup.freeze"), "utf8")).toBe("1");
    expect(readFileSync(join(mount, ha, "cgroup.kill"), "utf8")).toBe("1");
    rmSync(join(mount, ha, "cgroup.kill"));
    expect(killCgroupPass(layout, ha, grave)).toBe(1);
    expect(existsSync(join(mount, ha, "cgroup.kill"))).toBe(false);
  } finally {
    rmSync(mount, { recursive: true, force: true });
  }
});

test.runIf(process.platform === "linux")("a group without cgroups is found by its session", async () => {
  const child = spawn("/bin/sh", ["-c", "sleep 300 & wait"], { detached: true, stdio: "ignore" });
  const pid = child.pid ?? 0;
  const group = { pid, startTicks: readProcess(pid)?.startTicks ?? "", cgroups: [] };
  await waitFor("both killed", () => killPass(group) === 0);
  expect(isRunning(pid, group.startTicks)).toBe(false);
});

test("many groups are looked at in one pass, and one that fails does not keep the others alive", async () => {
  const child = spawn("/bin/sh", ["-c", "sleep 300 & wait"], { detached: true, stdio: "ignore" });
  const pid = child.pid ?? 0;
  const alive = { pid, startTicks: readProcess(pid)?.startTicks ?? "", cgroups: [] };
  // Anything that is no list of folders makes the look at a group fail.
  const broken = { pid: 1 << 23, startTicks: "1", cgroups: null as unknown as string[] };
  const gone = Array.from({ length: 500 }, (_, n) => ({ pid: (1 << 22) + n, startTicks: "1", cgroups: [] }));
  const failed: unknown[] = [];
  await waitFor("it killed", () => killPasses([broken, ...gone, alive], (group) => failed.push(group)) === 1);
  expect(isRunning(pid, alive.startTicks)).toBe(false);
  expect(new Set(failed)).toEqual(new Set([broken]));
});
