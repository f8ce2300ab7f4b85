import { expect, test } from "vitest";
import { Refusal } from "../domain/refusal.ts";
import { containerEtag, etagOf, refuseStale } from "./etag.ts";

const settings = {
  ...{ ha: true, preferredClusterId: null, allowDataLoss: false, restartPriority: "normal", crashesBeforeMove: 3 },
  ...{ cpuMillis: 1, memoryBytes: 2, diskBytes: 3, environment: { B: "2", A: "1" }, image: "x" },
  ...{ constraints: ["zone=a"], architectures: [] },
};

test("an etag does not hang on the order of keys, and on nothing beside what is set", () => {
  const other = { ...settings, environment: { A: "1", B: "2" }, status: "running" };
  expect(containerEtag(other)).toBe(containerEtag(settings));
  expect(etagOf({ a: [1, { b: 2, c: 3 }] })).toBe(etagOf({ a: [1, { c: 3, b: 2 }] }));
});

test.each([
  { ha: false },
  { preferredClusterId: "c" },
  { allowDataLoss: true },
  { restartPriority: "high" },
  { crashesBeforeMove: 0 },
  { cpuMillis: 2 },
  { memoryBytes: 3 },
  { diskBytes: 4 },
  { environment: { B: "2" } },
  { environment: { B: "2", A: { sealed: "v1.x" } } },
  { image: "y" },
  { constraints: [] },
  { architectures: ["arm64"] },
])("%j makes it another", (change) =>
  expect(containerEtag({ ...settings, ...change })).not.toBe(containerEtag(settings)),
);

test("secrets of before they were sealed do not show in it, so that no guess of one can be tried on it", () => {
  const withPass = (value: string) => containerEtag({ ...settings, environment: { RCON_PASS: value } });
  expect(withPass("one")).toBe(withPass("two"));
  // Whether there is one does, as it does in what is shown.
  expect(withPass("")).not.toBe(withPass("one"));
});

test.each(["", "abc", '"abc"', 'W/"abc"'])("%j fits what is there", (given) =>
  refuseStale(given, "abc", "container web"),
);
test.each(["abd", '"ab"', "*"])("%j does not, and is told what is there", (given) => {
  expect(() => refuseStale(given, "abc", "container web")).toThrow(Refusal);
  expect(() => refuseStale(given, "abc", "container web")).toThrow("its etag is abc");
});
