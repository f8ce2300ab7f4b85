import { expect, test } from "vitest";
import { brokenQuota, NO_USE, type Quota, quotaText } from "./quota.ts";

const NONE: Quota = { containers: null, cpuMillis: null, memoryBytes: null, diskBytes: null, ports: null };

test.each([
  ["up to the limit", { containers: 2 }, { containers: 1 }, { containers: 2 }, null],
  ["beyond it", { containers: 2 }, { containers: 2 }, { containers: 3 }, "containers"],
  ["whatever is not bounded", {}, {}, { memoryBytes: 2 ** 50 }, null],
  ["less, from far beyond", { cpuMillis: 10 }, { cpuMillis: 90 }, { cpuMillis: 80 }, null],
  ["the same, from far beyond", { cpuMillis: 10 }, { cpuMillis: 90 }, { cpuMillis: 90 }, null],
  [
    "more of another, from far beyond",
    { cpuMillis: 10, ports: 3 },
    { cpuMillis: 90 },
    { cpuMillis: 90, ports: 3 },
    null,
  ],
  ["nothing at all where none is allowed", { ports: 0 }, {}, { ports: 1 }, "ports"],
] as const)("a quota is asked for %s", (_, quota, before, after, broken) => {
  expect(brokenQuota({ ...NONE, ...quota }, { ...NO_USE, ...before }, { ...NO_USE, ...after })).toBe(broken);
});

test("amounts are said as people say them", () => {
  expect([quotaText("containers", 1), quotaText("ports", 2)]).toEqual(["1 container", "2 ports"]);
});
