import { expect, test } from "vitest";
import { fileProblem } from "./egg-file.ts";

test("a file that is too large, or empty, is refused before it is read", () => {
  expect(fileProblem({ name: "egg.json", size: 768 * 1024 })).toBe("");
  expect(fileProblem({ name: "egg.json", size: 768 * 1024 + 1 })).toMatch(/egg\.json has 768\.0 KiB|at most 768 KiB/);
  expect(fileProblem({ name: "egg.json", size: 0 })).toMatch(/is empty/);
});
