import { expect, test } from "vitest";
import type { Timers } from "../clock/clock.ts";
import { handClock } from "../clock/hand-clock.ts";
import { CALM_PAUSE_MS, GROUPS_MAX, Guard, type GuardHands, KILLING_PAUSE_MS, PET_PAUSE_MS } from "./guard.ts";
import type { WireGroup } from "./guard-message.ts";
import type { GuardFile } from "./guard-record.ts";

const group = (containerId: string, ha = true): WireGroup => ({
  containerId,
  ha,
  pid: 1,
  startTicks: "1",
  cgroups: [],
  gate: { path: `/gate/${containerId}`, containerId, epoch: "3", session: "2" },
});

function rig(record: GuardFile | null = null) {
  const clock = handClock(1_000);
  const done: string[] = [];
  const stored: GuardFile[] = [];
  let left = 0;
  let waiting = true;
  const pettedMs: number[] = [];
  const hands: GuardHands = {
    store: (file) => void stored.push(file),
    killHa: (groups) => {
      done.push(`kill ${groups.map(({ containerId }) => containerId).join(",")}`);
      return left;
    },
    thaw: () => void done.push("thaw"),
    openGate: ({ path }) => {
      if (!waiting) throw new Error("nobody reads it");
      done.push(`open ${path}`);
    },
    pet: () => void pettedMs.push(clock.nowMs()),
    log: () => undefined,
  };
  let stopped = false;
  const after: Timers["after"] = (delayMs, run) => clock.timers.after(delayMs, () => stopped || run());
  const guard = new Guard({ record, bootId: "boot", clock, timers: { ...clock.timers, after }, hands });
  const stop = () => {
    stopped = true;
  };
  const leave = (count: number) => {
    left = count;
  };
  const dieAtGate = () => {
    waiting = false;
  };
  return { clock, done, stored, guard, leave, dieAtGate, stop, pettedMs };
}

const renew = (deadlineMs: number) => ({
  type: "renew" as const,
  id: 1,
  grant: { deadlineMs, softEndMs: deadlineMs - 500, killMs: 100, fenced: true },
});

test("a guard without a record kills at once, and goes on until there is a lease", () => {
  const { clock, done, guard } = rig();
  expect(done).toEqual(["kill "]);
  clock.advance(CALM_PAUSE_MS);
  expect(done.length).toBeGreaterThan(1);
  guard.handle(renew(5_000));
  expect(done.at(-1)).toBe("thaw");
  clock.advance(5_000 - clock.nowMs() - 1);
  expect(done.at(-1)).toBe("thaw");
  clock.advance(1);
  expect(done.at(-1)).toBe("kill ");
});

test("kills HA containers alone, at the deadline, again and again while something is left", () => {
  const { clock, done, guard, leave } = rig();
  guard.handle(renew(2_000));
  guard.handle({ type: "register", id: 2, group: group("ha"), adopt: false });
  guard.handle({ type: "register", id: 3, group: group("plain", false), adopt: false });
  done.length = 0;
  leave(1);
  clock.advance(1_000 + 2 * KILLING_PAUSE_MS);
  expect(done).toEqual(["kill ha", "kill ha", "kill ha"]);
});

test("stores before it confirms", () => {
  const { guard, stored } = rig();
  expect(guard.handle(renew(2_000))).toEqual({ type: "ok", id: 1, deadlineMs: 2_000, softEndMs: 1_500 });
  expect(stored.at(-1)).toMatchObject({ bootId: "boot", deadlineMs: 2_000 });
  guard.handle({ type: "register", id: 2, group: group("a"), adopt: false });
  expect(stored.at(-1)?.groups).toEqual([group("a")]);
  guard.handle({ type: "forget", id: 3, containerId: "a" });
  expect(stored.at(-1)?.groups).toEqual([]);
});

test("takes no HA container without a lease, but one that runs already, to kill it", () => {
  const { clock, done, guard } = rig();
  expect(guard.handle({ type: "register", id: 1, group: group("a"), adopt: false })).toMatchObject({ type: "refused" });
  expect(guard.handle({ type: "register", id: 2, group: group("b"), adopt: true })).toMatchObject({ type: "ok" });
  clock.advance(CALM_PAUSE_MS);
  expect(done.at(-1)).toBe("kill b");
});

test("a record of this boot goes on where the former guard ended; one of another boot kills", () => {
  const record: GuardFile = {
    bootId: "boot",
    deadlineMs: 1_500,
    softEndMs: 1_000,
    killMs: 100,
    fenced: true,
    groups: [group("a")],
  };
  const same = rig(record);
  expect(same.done).toEqual(["thaw"]);
  same.clock.advance(500);
  expect(same.done).toEqual(["thaw", "kill a"]);
  const other = rig({ ...record, bootId: "another" });
  expect(other.done).toEqual(["kill "]);
});

test("stopped past its deadline it has killed nothing, and thaws at the next lease what the agent has frozen", () => {
  const { clock, done, guard, stop } = rig();
  guard.handle(renew(2_000));
  done.length = 0;
  stop();
  clock.advance(5_000);
  expect(done).toEqual([]);
  guard.handle(renew(9_000));
  expect(done).toEqual(["thaw"]);
});

test("holds a bounded number of containers", () => {
  const groups = Array.from({ length: GROUPS_MAX }, (_, n) => group(`${n}`, false));
  const { guard } = rig({ bootId: "boot", deadlineMs: 9_000, softEndMs: 8_000, killMs: 100, fenced: true, groups });
  const more = guard.handle({ type: "register", id: 1, group: group("more"), adopt: false });
  expect(more).toMatchObject({ type: "refused" });
});

test("lets a copy start only under a lease, and only the one that was handed over", () => {
  const { clock, done, guard, dieAtGate } = rig();
  guard.handle(renew(2_000));
  const enter = (containerId: string, epoch = "3", session = "2") =>
    guard.handle({ type: "enter", id: 9, containerId, epoch, session });
  expect(enter("a")).toMatchObject({ type: "refused", reason: expect.stringContaining("not handed over") });
  guard.handle({ type: "register", id: 1, group: group("a"), adopt: false });
  guard.handle({ type: "register", id: 2, group: group("plain", false), adopt: false });
  expect(enter("a", "4")).toMatchObject({ type: "refused", reason: "epoch 3 of session 2 waits, not 4 of 2" });
  expect(enter("a", "3", "1")).toMatchObject({ type: "refused" });
  expect(enter("a")).toMatchObject({ type: "ok" });
  expect(done.at(-1)).toBe("open /gate/a");
  clock.advance(1_000);
  expect(enter("a")).toMatchObject({ type: "refused", reason: "this node holds no lease" });
  expect(enter("plain")).toMatchObject({ type: "ok" });
  dieAtGate();
  expect(enter("plain")).toMatchObject({ type: "refused", reason: expect.stringContaining("nobody reads it") });
});

test("pets its watchdog with and without a lease, but not while something is alive that must be dead", () => {
  const { clock, guard, leave, pettedMs } = rig();
  const longestPauseMs = () => Math.max(...pettedMs.slice(1).map((ms, n) => ms - (pettedMs[n] ?? 0)));
  clock.advance(2_000);
  guard.handle(renew(9_000));
  clock.advance(5_950);
  leave(1);
  expect(longestPauseMs()).toBeLessThanOrEqual(PET_PAUSE_MS);
  clock.advance(5_000);
  expect(pettedMs.at(-1)).toBeLessThan(9_000);
  leave(0);
  clock.advance(PET_PAUSE_MS);
  expect(pettedMs.at(-1)).toBeGreaterThan(clock.nowMs() - PET_PAUSE_MS);
});

test("once the killing has begun only a newer acknowledgement ends it, also after a death of the guard", () => {
  const { clock, done, guard, stored } = rig();
  const ask = (of: Guard, deadlineMs: number, softEndMs: number, killMs = 100) =>
    of.handle({ type: "renew", id: 1, grant: { deadlineMs, softEndMs, killMs, fenced: true } });
  ask(guard, 2_000, 1_500);
  expect(ask(guard, 2_500, 1_500)).toMatchObject({ type: "ok", deadlineMs: 2_500 });
  clock.advance(1_500);
  expect(ask(guard, 9_000, 1_500)).toMatchObject({ type: "refused", reason: expect.stringContaining("has begun") });
  expect(done.at(-1)).toBe("kill ");
  const next = rig(stored.at(-1) ?? null);
  next.clock.advance(1_500);
  expect(ask(next.guard, 9_000, 1_500)).toMatchObject({
    type: "refused",
    reason: expect.stringContaining("has begun"),
  });
  expect(ask(guard, 2_400, 3_000)).toMatchObject({
    type: "refused",
    reason: expect.stringContaining("passed already"),
  });
  expect(ask(guard, 9_000, 3_000)).toMatchObject({ type: "ok", deadlineMs: 9_000, softEndMs: 3_000 });
  expect(done.at(-1)).toBe("thaw");
});

test("refuses a deadline that has passed, lies too far ahead or is no number, and changes nothing", () => {
  const { guard, stored } = rig();
  for (const deadlineMs of [0, 999, 1_000, 1_000 + 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    expect(guard.handle({ ...renew(deadlineMs) })).toMatchObject({ type: "refused" });
  }
  expect(guard.handle({ ...renew(5_000), grant: { ...renew(5_000).grant, killMs: 0 } })).toMatchObject({
    type: "refused",
  });
  expect(stored).toEqual([]);
  expect(guard.handle({ type: "hello", id: 1 })).toMatchObject({ deadlineMs: null, softEndMs: null });
});
