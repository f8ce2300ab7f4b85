import { expect, test } from "vitest";
import { isOnlyLocal, joinLine, shellWord } from "./join-line.ts";
import { labelProblem, sortedLabels } from "./label-text.ts";

test("the line that joins a host holds no word that a shell would take apart", () => {
  const line = joinLine({
    ...{ token: "lj1_a.b", coordinator: "c.example:7443", name: "host-1", address: "10.0.0.7", runtime: "docker" },
  });
  expect(line.split(" \\\n  ")).toEqual([
    "LORMAS_JOIN_TOKEN=lj1_a.b",
    "node_modules/.bin/node agent/src/main.ts",
    "--coordinator c.example:7443",
    "--name host-1",
    "--address 10.0.0.7",
    "--data-dir /var/lib/lormas-agent",
    "--runtime docker",
  ]);
  expect([shellWord("a b"), shellWord("$(rm -r /)"), shellWord("it's"), shellWord("")]).toEqual([
    "'a b'",
    "'$(rm -r /)'",
    "'it'\\''s'",
    "''",
  ]);
});

test("an address that another host cannot dial is told", () => {
  expect(["127.0.0.1:7443", "localhost:7443", "0.0.0.0:7443", "[::1]:7443", "[::]:7443"].every(isOnlyLocal)).toBe(true);
  expect(["10.0.0.7:7443", "coordinator.example:7443", "[2001:db8::1]:7443"].some(isOnlyLocal)).toBe(false);
});

test("a label is refused for the reason that the API would have, and labels are sorted by key", () => {
  expect([labelProblem("zone", "east"), labelProblem("zone", ""), labelProblem("a/b.c_d-e", "1")]).toEqual([
    "",
    "",
    "",
  ]);
  expect(labelProblem("-zone", "east")).toMatch(/^A key/);
  expect(labelProblem("zone", "to the east")).toMatch(/^A value/);
  expect(labelProblem("x".repeat(64), "")).toMatch(/^A key/);
  expect(sortedLabels({ zone: "east", disk: "nvme" })).toEqual([
    ["disk", "nvme"],
    ["zone", "east"],
  ]);
});
