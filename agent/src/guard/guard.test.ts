import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { CALM_PAUSE_MS, GROUPS_MAX, Guard, type GuardHands, KILLING_PAUSE_MS } from "./guard.ts";
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
    log: () => undefined,
  };
  const guard = new Guard({ record, bootId: "boot", clock, timers: clock.timers, hands });
  const leave = (count: number) => {
    left = count;
  };
  const dieAtGate = () => {
    waiting = false;
  };
  return { clock, done, stored, guard, leave, dieAtGate };
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
  expect(done).toHaveLength(2);
  guard.handle(renew(5_000));
  expect(done.at(-1)).toBe("thaw");
  clock.advance(3_749);
  expect(done).toHaveLength(3);
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
