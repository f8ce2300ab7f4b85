import { expect, test } from "vitest";
import { suiteArguments } from "./suite-arguments.ts";

const read = (...argv: string[]) => suiteArguments(argv, (profile) => [`${profile}-one`, `${profile}-two`]);

test("an agent and a profile are enough", () => {
  expect(read("--agent", "./agent", "--profile", "ha")).toEqual({
    arguments: { agent: "./agent", profile: "ha", json: null, only: [], lanes: 1 },
  });
});

test("some checks alone, and a file for their outcome", () => {
  expect(read("--agent", "a", "--profile", "core", "--only", "core-two", "--json", "out.json", "--lanes", "8")).toEqual(
    {
      arguments: { agent: "a", profile: "core", json: "out.json", only: ["core-two"], lanes: 8 },
    },
  );
});

test.each([
  [["--profile", "core"], "--agent is missing"],
  [["--agent", "a"], '--profile is "": choose one of core, ha'],
  [["--agent", "a", "--profile", "all"], '--profile is "all"'],
  [["--agent", "a", "--profile", "ha", "--only", "core-one"], "choose among ha-one, ha-two"],
  [["--agent", "a", "--profile", "ha", "--lanes", "9"], '--lanes is "9": give a number from 1 to 8'],
  [["--agent", "a", "--profile", "ha", "--lanes", "0"], "from 1 to 8"],
  [["--agnet", "a"], "see --help"],
])("%j is refused, and what is right is said", (argv, problem) => {
  expect(read(...argv)).toEqual({ problem: expect.stringContaining(problem) });
});
