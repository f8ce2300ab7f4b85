import { expect, test } from "vitest";
import { presentCgroups } from "../process/cgroup-layout.ts";
import { guardRestarts, presentLaunch } from "./agent-launch.ts";

test("the guard starts a dead agent again where no supervisor is known, or as it is told", () => {
  expect(guardRestarts("auto", {}, 7)).toBe(true);
  expect(guardRestarts("auto", { LORMAS_LIFELINE_FD: "3" }, 7)).toBe(false);
  expect(guardRestarts("auto", { SYSTEMD_EXEC_PID: "7" }, 7)).toBe(false);
  expect(guardRestarts("auto", { SYSTEMD_EXEC_PID: "6" }, 7)).toBe(true);
  expect(guardRestarts("no", {}, 7)).toBe(false);
  expect(guardRestarts("yes", { LORMAS_LIFELINE_FD: "3" }, 7)).toBe(true);
});

test.runIf(process.platform === "linux")("a launch carries settings, but no secret and no lifeline", () => {
  const set = { LORMAS_NODE_NAME: "n", LORMAS_JOIN_TOKEN: "t", LORMAS_LIFELINE_FD: "3", DATABASE_URL: "d" };
  Object.assign(process.env, set);
  try {
    const launch = presentLaunch("/data", null);
    expect(launch).toMatchObject({ pid: process.pid, cwd: process.cwd(), logPath: "/data/agent.log", cgroups: [] });
    expect(launch?.argv[0]).toBe(process.execPath);
    expect(Object.keys(launch?.env ?? {}).filter((name) => name in set)).toEqual(["LORMAS_NODE_NAME"]);
  } finally {
    for (const name of Object.keys(set)) delete process.env[name];
  }
});

test("the groups of a process are found in each tree that is used", () => {
  const mounts = { memory: "/m", cpu: "/c", pids: "/p", freezer: "/f" };
  const text = "9:name=systemd:/x\n4:memory:/a b\n3:cpu,cpuacct:/y:z\n2:freezer:/\n0::/user.slice\n";
  expect(presentCgroups({ version: 1, mounts }, text)).toEqual(["/m/a b", "/c/y:z", "/f/"]);
  expect(presentCgroups({ version: 2, mount: "/u" }, text)).toEqual(["/u/user.slice"]);
});
