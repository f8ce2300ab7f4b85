import { create } from "@bufbuild/protobuf";
import { EggSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect, test } from "vitest";
import { eggChanges } from "./egg-changes.ts";
import { fileProblem } from "./egg-file.ts";

const egg = create(EggSchema, {
  id: "paper",
  name: "Paper",
  image: "java:17",
  variables: [
    { name: "MEMORY", defaultValue: "512" },
    { name: "VERSION", defaultValue: "latest", rules: ["max:20"] },
  ],
});

test("an egg that is the same has no changes", () => {
  expect(eggChanges(egg, create(EggSchema, egg))).toEqual([]);
});

test("a field that changes is named with both values, and one that goes or comes with the one it has", () => {
  const after = create(EggSchema, { ...egg, image: "java:21", name: "", version: "2" });
  expect(eggChanges(egg, after)).toEqual([
    { path: "name", before: "Paper", after: undefined },
    { path: "image", before: "java:17", after: "java:21" },
    { path: "version", before: undefined, after: "2" },
  ]);
});

test("a variable that goes does not change those that follow", () => {
  const after = create(EggSchema, { ...egg, variables: egg.variables.slice(1) });
  expect(eggChanges(egg, after).map(({ path }) => path)).toEqual([
    "variables[MEMORY].name",
    "variables[MEMORY].defaultValue",
  ]);
});

test("a file that is too large, or empty, is refused before it is read", () => {
  expect(fileProblem({ name: "egg.json", size: 768 * 1024 })).toBe("");
  expect(fileProblem({ name: "egg.json", size: 768 * 1024 + 1 })).toMatch(/egg\.json has 768\.0 KiB|at most 768 KiB/);
  expect(fileProblem({ name: "egg.json", size: 0 })).toMatch(/is empty/);
});
