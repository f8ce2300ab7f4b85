import { expect, test } from "vitest";
import { BenchUsageError, FULL_SIZES, parseBenchArguments } from "./bench-arguments.ts";

const parsed = (...argv: string[]) => parseBenchArguments(argv, ["storm", "start"]);

test("without options everything is measured in full, and plots go to the documentation", () => {
  expect(parsed()).toEqual({ list: false, only: null, json: null, plots: "docs/benchmarks", sizes: FULL_SIZES });
});

test("options choose sections, sizes and where results go", () => {
  const argv =
    "--only start --json a.json --plots none --agents 10,20 --seconds 3 --minutes 4 --runs 2 --profiles lan --nodes 5";
  expect(parsed(...argv.split(" "), "--containers", "50")).toEqual({
    list: false,
    only: ["start"],
    json: "a.json",
    plots: null,
    sizes: { agents: [10, 20], seconds: 3, minutes: 4, runs: 2, profiles: ["lan"], nodes: 5, containers: 50 },
  });
  expect(parsed("--list").list).toBe(true);
});

test.each([
  [["--only", "storm,nothing"], "no section nothing: there are storm, start"],
  [["--agents", "0"], "--agents 0: not a whole number from 1"],
  [["--runs", "two"], "--runs two: not a whole number from 1"],
  [["--only", ""], "--only : a list has no empty entries"],
  [["--fast"], "Unknown option '--fast'"],
])("%j is refused with the reason", (argv, reason) => {
  expect(() => parsed(...argv)).toThrow(BenchUsageError);
  expect(() => parsed(...argv)).toThrow(reason);
});
