import { expect, test } from "vitest";
import { cgroupFolders, parseCgroupLayout } from "./cgroup-layout.ts";
import { cgroupPaths, engineParent } from "./node-cgroups.ts";
import { isRunning, membersOf, type ProcessEntry, parseStat, readProcess } from "./process-table.ts";

const STAT = "42 (a (b) c) S 7 42 41 0 -1 4194560 100 0 0 0 12 8 0 0 20 0 1 0 98765 1000 55 18446744073709551615";

test("a stat line is read past any name", () => {
  expect(parseStat(STAT)).toEqual({
    pid: 42,
    state: "S",
    parent: 7,
    group: 42,
    session: 41,
    cpuTicks: 20,
    startTicks: "98765",
    residentPages: 55,
  });
  expect(parseStat("")).toBeNull();
});

test.runIf(process.platform === "linux")("this process runs, one of its number but another start does not", () => {
  const self = readProcess(process.pid);
  expect(isRunning(process.pid, self?.startTicks ?? "")).toBe(true);
  expect(isRunning(process.pid, "1")).toBe(false);
});

test("members are those of the session or group; a leader with another start time has none of ours", () => {
  const entry = (pid: number, group: number, session: number, startTicks = "5"): ProcessEntry => ({
    ...(parseStat(STAT) as ProcessEntry),
    pid,
    group,
    session,
    startTicks,
  });
  const all = [entry(10, 10, 10), entry(11, 10, 10), entry(12, 12, 10), entry(13, 13, 13)];
  expect(membersOf(10, "5", all).map(({ pid }) => pid)).toEqual([10, 11, 12]);
  expect(membersOf(10, "6", all)).toEqual([]);
  expect(membersOf(10, "6", all.slice(1)).map(({ pid }) => pid)).toEqual([11, 12]);
});

const V1 = ["memory", "cpu,cpuacct", "pids", "freezer"]
  .map((name, n) => `3${n} 31 0:${n} / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`)
  .join("\n");
const V2 = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

test("version 2 counts where it has the memory controller, else version 1, if it is whole", () => {
  expect(parseCgroupLayout(`${V1}\n${V2}`, () => "")).toMatchObject({ version: 1 });
  expect(parseCgroupLayout(`${V1}\n${V2}`, () => "cpu memory pids\n")).toEqual({
    version: 2,
    mount: "/sys/fs/cgroup/unified",
  });
  expect(parseCgroupLayout(V2, () => "")).toBeNull();
  const layout = parseCgroupLayout(V1, () => "");
  expect(layout && cgroupFolders(layout, "/a/b")).toContain("/sys/fs/cgroup/cpu,cpuacct/a/b");
});

test("a node's groups are folders, or slices that spell their place", () => {
  const id = "7e57ab1e-0000-4000-8000-000000000001";
  expect(cgroupPaths("/lormas", id, "cgroupfs").ha).toBe(`/lormas/${id}/ha`);
  const slice = cgroupPaths("/lormas", id, "systemd").ha;
  expect(slice).toBe(
    "/lormas.slice/lormas-7e57ab1e000040008000000000000001.slice/lormas-7e57ab1e000040008000000000000001-ha.slice",
  );
  expect(engineParent(slice, "systemd")).toBe("lormas-7e57ab1e000040008000000000000001-ha.slice");
});
