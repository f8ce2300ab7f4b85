import { expect, test } from "vitest";
import { labelsAfter, labelsText, NODE_LABELS_MAX } from "./node-labels.ts";

test("labels are set, replaced and taken away in one change, and the rest stays", () => {
  const before = { disk: "hdd", zone: "east", rack: "4" };
  const after = labelsAfter(before, { set: { disk: "nvme", gpu: "" }, remove: ["rack", "never-there"] });
  expect(after).toEqual({ disk: "nvme", gpu: "", zone: "east" });
  expect(labelsText(after)).toBe("disk=nvme, gpu=, zone=east");
  expect(labelsText({})).toBe("");
});

test("a label named __proto__ is a label like any other", () => {
  const after = labelsAfter({}, { set: JSON.parse('{"__proto__":"x"}'), remove: [] });
  expect(Object.hasOwn(after, "__proto__")).toBe(true);
});

test("as many labels as a node may have are taken, one more is refused, and replacing one counts once", () => {
  const full = Object.fromEntries(Array.from({ length: NODE_LABELS_MAX }, (_, n) => [`l${n}`, "x"]));
  expect(Object.keys(labelsAfter({}, { set: full, remove: [] }))).toHaveLength(NODE_LABELS_MAX);
  expect(labelsAfter(full, { set: { l0: "y" }, remove: [] })["l0"]).toBe("y");
  expect(() => labelsAfter(full, { set: { more: "x" }, remove: [] })).toThrow(/33 labels, a node has at most 32/);
  expect(labelsAfter(full, { set: { more: "x" }, remove: ["l0"] })["more"]).toBe("x");
});

test("what is to be set and taken away at once is refused", () => {
  expect(() => labelsAfter({}, { set: { zone: "east" }, remove: ["zone"] })).toThrow(
    /zone is to be set and taken away/,
  );
});
