import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commitSeed } from "@lormas/chance/commit-seed.ts";
import { pointsOf } from "@lormas/wire/failpoints.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AGENT_SITES } from "../../agent/src/node/agent-failpoints.ts";
import { COORDINATOR_SITES } from "../../coordinator/src/process/coordinator-failpoints.ts";
import { until } from "../../lab/src/until.ts";
import { FailpointRig } from "./failpoint-rig.ts";
import { STORIES, type Story } from "./failpoint-stories.ts";

// A process is killed with -9 before and after everything it does to the world, in the midst of every story in which it
// does that, and starts again. The points come from the ports' own types; one that no story reaches fails by its name.

const POINTS = pointsOf([...COORDINATOR_SITES, ...AGENT_SITES]);
const FLEETS = 2;
/** Otherwise in one story each, another one with every commit, and in a migration if any reaches it. */
const IN_EVERY_STORY = process.env["LORMAS_FAILPOINT_STORIES"] === "all";
const firstTurn = IN_EVERY_STORY ? 0 : commitSeed();
const NOW_AND_THEN_MS = 12_000;

const folder = mkdtempSync(join(tmpdir(), "lormas-arm-"));
const idle: FailpointRig[] = [];
const waiting: ((rig: FailpointRig) => void)[] = [];
const rigs: FailpointRig[] = [];
/** Which points each story reaches when nothing goes wrong. */
const reached = new Map<Story, ReadonlySet<string>>();
let struck = 0;
const begunMs = performance.now();

async function onRig(work: (rig: FailpointRig) => Promise<void>): Promise<void> {
  const rig = idle.pop() ?? (await new Promise<FailpointRig>((resolve) => waiting.push(resolve)));
  try {
    await work(rig);
  } catch (error) {
    console.log(`${((performance.now() - begunMs) / 1_000).toFixed(0)} s: FAILED ${String(error)}\n${rig.lastLines()}`);
    await rig.giveUp();
    throw error;
  } finally {
    const next = waiting.shift();
    if (next) next(rig);
    else idle.push(rig);
  }
}

async function reach(story: Story): Promise<void> {
  await onRig(async (rig) => {
    await story.tell(rig, () => rig.record());
    reached.set(story, rig.reached());
    rig.disarm();
    expect(rig.deaths(), `${story.name}, undisturbed`).toEqual([]);
  });
}

beforeAll(async () => {
  for (let index = 0; index < FLEETS; index += 1) {
    const rig = await FailpointRig.up(join(folder, String(index)));
    rigs.push(rig);
    idle.push(rig);
  }
  await Promise.all(STORIES.map(reach));
});

afterAll(async () => {
  await Promise.all(rigs.map((rig) => rig.dispose()));
  rmSync(folder, { recursive: true, force: true });
  console.log(`${POINTS.length} failpoints in ${POINTS.length / 2} places; processes killed at them: ${struck}`);
});

/** The stories in which a point is tried, and those that are there in case it is not reached in any of them. */
function storiesOf(point: string): { tried: Story[]; inReserve: Story[] } {
  const all = STORIES.filter((story) => reached.get(story)?.has(point));
  const of = (depth: Story["depth"]) => all.filter((story) => story.depth === depth);
  const [moves, lives] = [of("move"), of("life")];
  if (IN_EVERY_STORY) return { tried: [...moves, ...lives], inReserve: of("reserve") };
  const turn = firstTurn + POINTS.indexOf(point);
  const tried = moves.length > 0 ? moves.slice(turn % moves.length).slice(0, 1) : [];
  return { tried, inReserve: all.filter((story) => !tried.includes(story)) };
}

/** Tells a story in which a process dies at the point; false when it came through without reaching it this time. */
async function dieIn(story: Story, point: string): Promise<boolean> {
  let died = false;
  await onRig(async (rig) => {
    const before = rig.deaths().length;
    try {
      await story.tell(rig, () => rig.arm(point));
      if (!rig.struck) {
        // Some things are done now and then, and not at every telling of the story.
        await until("the point is reached", NOW_AND_THEN_MS, () => rig.struck).catch(() => undefined);
        await rig.expectSound((await rig.running()).name, "running");
      }
    } catch (error) {
      throw new Error(`${point} in ${story.name}: ${String(error)}`, { cause: error });
    }
    died = rig.struck;
    rig.disarm();
    // What was to end anyway, such as a node that is killed as a whole, may have died of the point or of that.
    const deaths = rig.deaths().slice(before);
    for (const how of deaths) expect(how).toMatch(/: SIGKILL$/);
    expect(deaths.length, "one process died, once").toBeLessThanOrEqual(died ? 1 : 0);
  });
  if (died) struck += 1;
  const outcome = died ? "killed at" : "not reached this time:";
  console.log(`${((performance.now() - begunMs) / 1_000).toFixed(0)} s: ${outcome} ${point} in ${story.name}`);
  return died;
}

test.concurrent.each(POINTS)("killed at %s", async (point) => {
  const { tried, inReserve } = storiesOf(point);
  let times = 0;
  for (const story of tried) if (await dieIn(story, point)) times += 1;
  for (const story of inReserve) if (times === 0 && (await dieIn(story, point))) times += 1;
  const undisturbed = STORIES.filter((story) => reached.get(story)?.has(point)).map(({ name }) => name);
  const seen = undisturbed.length > 0 ? `undisturbed, ${undisturbed.join(" and ")} did` : "nothing tests it";
  expect(times, `${point} is reached by no story: ${seen}`).toBeGreaterThan(0);
});
