import { expect, test } from "vitest";
import { migrationRegion } from "../migration/migration-region.ts";
import { type ActorStanding, jobProgress } from "./job-progress.ts";

const standing = (life: unknown, migration: unknown = "idle", told: Partial<ActorStanding> = {}): ActorStanding => ({
  value: { life, migration },
  ...{ reason: "", heldFor: "", moveError: "" },
  ...told,
});
const told = (...[kind, actor]: Parameters<typeof jobProgress>): string => {
  const { step, stepsDone, stepsTotal, detail } = jobProgress(kind, actor);
  return `${step} ${stepsDone}/${stepsTotal}${detail && ` ${detail}`}`;
};

test("a start is at its place, then at its copy, and says what it waits for", () => {
  expect(told("create", standing("unplaced", "idle", { reason: "no node has room" }))).toBe(
    "unplaced 0/2 no node has room",
  );
  expect(told("start", standing("starting"))).toBe("starting 1/2");
  expect(told("start", standing("backoff", "failed", { reason: "exit 1" }))).toBe("backoff 1/2 exit 1");
  expect(told("start", standing("moving", { migrating: "preparing" }))).toBe("moving 0/2");
  expect(told("restart", standing("stopping"))).toBe("stopping 0/2");
  expect(told("restart", standing("starting"))).toBe("starting 1/2");
});

test("what is one step says which", () => {
  expect(told("kill", standing("stopping"))).toBe("stopping 0/1");
  expect(told("delete", standing("removing"))).toBe("removing 0/1");
  expect(told("reinstall", standing("installing", "completed", { reason: "its install script runs" }))).toBe(
    "installing 0/1 its install script runs",
  );
});

test("a migration counts its states, waits by name, and does not know how far a way back is", () => {
  const moving = (state: unknown, more: Partial<ActorStanding> = {}) => standing("moving", { migrating: state }, more);
  expect(told("migrate", moving("queued", { heldFor: "the cluster moves 5 already" }))).toBe(
    "queued 0/9 the cluster moves 5 already",
  );
  expect(told("migrate", moving("fencing"))).toBe("fencing 2/9");
  expect(told("migrate", moving("cleaning_up", { reason: "of its life" }))).toBe("cleaning_up 8/9");
  const back = { rolling_back: "restarting_source" };
  expect(told("migrate", moving(back, { moveError: "the target died" }))).toBe("rolling_back 0/0 the target died");
  expect(told("cancel_migration", moving(back, { moveError: "cancelled" }))).toBe("restarting_source 1/2 cancelled");
});

test("every state of a migration has its place on the way, but for the way back", () => {
  const done = Object.keys(migrationRegion.states.migrating.states).map(
    (state) => jobProgress("migrate", standing("moving", { migrating: state })).stepsDone,
  );
  expect(done).toEqual([0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 0]);
});

test("what a snapshot does not say is told as nothing", () => {
  expect(told("migrate", standing("running"))).toBe(" 0/9");
  expect(told("start", standing(null, null))).toBe(" 0/2");
});
