import { expect, test } from "vitest";
import { Repeated } from "./repeated.ts";

test("a run that fails is done once more and counted", async () => {
  const said: string[] = [];
  const repeated = new Repeated((line) => said.push(line));
  let calls = 0;
  const done = await repeated.times(2, "cut", async (number) => {
    calls += 1;
    if (calls === 1) throw new Error("no copy came");
    return number * 10;
  });
  expect(done).toEqual([10, 20]);
  expect(repeated.row).toMatchObject({ value: 1, met: null });
  expect(said[0]).toContain("no copy came");
});

test("one that fails twice fails the whole", async () => {
  const repeated = new Repeated(() => {});
  await expect(repeated.times(1, "cut", () => Promise.reject(new Error("never")))).rejects.toThrow("never");
});
