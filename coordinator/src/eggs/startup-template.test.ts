import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fillStartup, placeholdersIn } from "./startup-template.ts";

test("a value is one word of the shell, whatever it holds", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (raw) => {
      const value = raw.replaceAll("\0", "").toWellFormed();
      const commandLine = fillStartup("printf '%s|' {{A}} x{{ A }}y", new Map([["A", value]]));
      expect(execFileSync("/bin/sh", ["-c", commandLine], { encoding: "utf8" })).toBe(`${value}|x${value}y|`);
    }),
    { numRuns: 60 },
  );
});

test("a value that looks like a placeholder is not filled again", () => {
  const values = new Map([
    ["A", "{{B}}"],
    ["B", "no"],
  ]);
  expect(fillStartup("run {{A}}", values)).toBe("run '{{B}}'");
});

test("placeholders are named once each; one without a value stays", () => {
  expect(placeholdersIn("a {{X}} {{Y}} {{X}} {{not-a-name}}")).toEqual(["X", "Y"]);
  expect(fillStartup("a {{X}}", new Map())).toBe("a {{X}}");
});
