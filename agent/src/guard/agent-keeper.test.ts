import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import {
  AgentKeeper,
  type AgentLaunch,
  GOOD_AGENT_MS,
  LOOK_PAUSE_MS,
  RESTART_PAUSE_MAX_MS,
  RESTART_PAUSE_MIN_MS,
} from "./agent-keeper.ts";

const launch: AgentLaunch = {
  pid: 10,
  startTicks: "5",
  argv: ["node", "main.ts"],
  cwd: "/",
  env: {},
  logPath: "/log",
  cgroups: [],
  niceness: 0,
  oomScoreAdj: 0,
};

function rig() {
  const clock = handClock();
  const alive = new Set([10]);
  const startedMs: number[] = [];
  let startable = true;
  const keeper = new AgentKeeper(clock.timers, {
    lives: ({ pid }) => alive.has(pid),
    start: () => {
      startedMs.push(clock.nowMs() - 1_000);
      if (!startable) throw new Error("no such file");
      const pid = 10 + startedMs.length;
      alive.add(pid);
      return { pid, startTicks: "6" };
    },
    log: () => undefined,
  });
  const allow = (yes: boolean) => {
    startable = yes;
  };
  return { clock, alive, startedMs, keeper, allow };
}

test("starts a dead agent again, and leaves one alone that lives without a connection", () => {
  const { clock, alive, startedMs, keeper } = rig();
  keeper.attached(launch);
  keeper.detached();
  clock.advance(60_000);
  expect(startedMs).toEqual([]);
  alive.delete(10);
  clock.advance(LOOK_PAUSE_MS + RESTART_PAUSE_MIN_MS);
  expect(startedMs).toHaveLength(1);
  clock.advance(60_000);
  expect(startedMs).toHaveLength(1);
});

test("waits twice as long after each death, up to a bound, and begins anew after a good agent", () => {
  const { clock, alive, startedMs, keeper, allow } = rig();
  keeper.attached(launch);
  alive.clear();
  allow(false);
  keeper.detached();
  clock.advance(700);
  expect(startedMs).toEqual([100, 300, 700]);
  clock.advance(1_000_000);
  const last = startedMs.slice(-2);
  expect((last[1] ?? 0) - (last[0] ?? 0)).toBe(RESTART_PAUSE_MAX_MS);
  keeper.attached({ ...launch, pid: 99 });
  clock.advance(GOOD_AGENT_MS);
  const before = startedMs.length;
  keeper.detached();
  clock.advance(RESTART_PAUSE_MIN_MS);
  expect(startedMs).toHaveLength(before + 1);
});

test("starts none that ended on purpose or that another owns", () => {
  const { clock, alive, startedMs, keeper } = rig();
  alive.clear();
  keeper.attached(launch);
  keeper.dismiss();
  keeper.detached();
  keeper.attached(null);
  keeper.detached();
  clock.advance(60_000);
  expect(startedMs).toEqual([]);
});

test("an agent that comes by itself ends the wait for another", () => {
  const { clock, alive, startedMs, keeper } = rig();
  keeper.attached(launch);
  alive.clear();
  keeper.detached();
  keeper.attached({ ...launch, pid: 77 });
  clock.advance(60_000);
  expect(startedMs).toEqual([]);
});
