import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { allMutants } from "./all-mutants.ts";
import { mutated } from "./mutant.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

test.each(allMutants.map((mutant) => [mutant.name, mutant] as const))(
  "the mutant %s fits the code",
  (_name, mutant) => {
    for (const file of new Set(mutant.edits.map((edit) => edit.file))) {
      const source = readFileSync(`${repository}${file}`, "utf8");
      expect(mutated(source, file, mutant)).not.toBe(source);
    }
  },
);

test("there are at least 24, each with a name of its own", () => {
  expect(new Set(allMutants.map(({ name }) => name)).size).toBe(allMutants.length);
  expect(allMutants.length).toBeGreaterThanOrEqual(24);
});

test("docs/model/mutants.md lists them all, and no other as written", () => {
  const [, written = ""] = readFileSync(`${repository}docs/model/mutants.md`, "utf8").split(/^## /m);
  const listed = [...written.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual(allMutants.map(({ name }) => name).sort());
});
