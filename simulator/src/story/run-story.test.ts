import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { shortOf } from "../batch/batch-minima.ts";
import { FAULT_KINDS } from "../faults/fault.ts";
import { noCounts } from "../fleet/run-counts.ts";
import { runStory, type StoryOptions } from "./run-story.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const STORY: Omit<StoryOptions, "seed"> = {
  nodes: 5,
  profile: "random",
  kinds: FAULT_KINDS,
  scenes: null,
  lasting: null,
  logged: false,
  keep: null,
};

async function hashOf(seed: number): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, "--seed", String(seed)], {
    maxBuffer: 1 << 26,
  });
  return /sha256 ([0-9a-f]{64})/.exec(stdout)?.[1];
}

test("a seed plays the same in every process, to the last event", async () => {
  const [one, other, different] = await Promise.all([hashOf(7), hashOf(7), hashOf(8)]);
  expect(one).toBeDefined();
  expect(other).toBe(one);
  expect(different).not.toBe(one);
}, 180_000);

test("a batch in which a rule is broken on purpose fails with the shortest schedule and the command that plays it again", async () => {
  const mutant = new URL("../mutants/load-mutant.ts", import.meta.url).href;
  const env = { ...process.env, LORMAS_MUTANT: "no-majority-for-death" };
  const simulate = (args: readonly string[]): Promise<string> =>
    promisify(execFile)(process.execPath, ["--import", mutant, MAIN, ...args], { env, maxBuffer: 1 << 26 }).then(
      () => "nothing was broken",
      ({ code, stdout }: { code: number; stdout: string }) => `exit code ${code}\n${stdout}`,
    );
  const scene = ["--scenes", "two nodes see each other and their peers", "--nodes", "3", "--profile", "default"];
  const told = await simulate(["--seeds", "6", ...scene]);
  expect(told).toMatch(/^exit code 1\n/);
  expect(told).toMatch(/seed \d+: container .* runs twice/);
  const [, shown, left, all] = /(\n(\d+) of (\d+) faults:\n.*)/s.exec(told) ?? [];
  expect(Number(left)).toBeGreaterThan(0);
  expect(Number(left)).toBeLessThan(Number(all));
  const again = /^again: npm run simulate -- (.*--keep \S+)$/m.exec(shown ?? "")?.[1] ?? "";
  const replayed = await simulate(
    [...again.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""),
  );
  const hash = /sha256 [0-9a-f]{64}/;
  expect(hash.exec(replayed)?.[0]).toBe(hash.exec(told)?.[0] ?? "none");
  expect(replayed).toMatch(/seed \d+, profile default: container .* runs twice/);
}, 240_000);

test("a batch in which nodes do not survive the control plane fails and names the kill", async () => {
  const mutant = new URL("../mutants/load-mutant.ts", import.meta.url).href;
  const options = ["--seeds", "8", "--faults", "crash coordinators,crash container", "--brief"];
  const run = promisify(execFile)(process.execPath, ["--import", mutant, MAIN, ...options], {
    env: { ...process.env, LORMAS_MUTANT: "no-soft-end" },
  });
  await expect(run).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/seed \d+: node-\d killed its containers .* without lease all the time/),
  });
}, 180_000);

test("a batch in which too little happens counts as not run", () => {
  expect(shortOf(noCounts(), 1_000)).toContain("failovers: 0, at least 2000 are wanted");
});

test("what is logged changes nothing of what happens", async () => {
  const silent = await runStory({ ...STORY, seed: 11 });
  const logged = await runStory({ ...STORY, seed: 11, logged: true });
  expect({ ...logged, digest: "", lines: [] }).toEqual(silent);
  expect(logged.lines.length).toBeGreaterThan(100);
}, 180_000);

test("without faults every container runs, no node dies and nothing is killed", async () => {
  const outcome = await runStory({ ...STORY, seed: 3, keep: [] });
  expect(outcome.violation).toBeNull();
  expect(outcome.counts).toMatchObject({ "nodes declared dead": 0, failovers: 0, "guard kills": 0, takeovers: 1 });
  expect(outcome.healedMs).toBeLessThanOrEqual(1_000);
}, 180_000);
