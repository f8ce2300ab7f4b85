import { expect, test } from "vitest";
import { labelChange, labelsText } from "./node-label.ts";

test("labels are set with =, taken away with a dash, and only the first = counts", () => {
  expect(labelChange(["zone=east", "disk-", "url=a=b-", "empty="])).toEqual({
    setLabels: { zone: "east", url: "a=b-", empty: "" },
    removeLabels: ["disk"],
  });
});

test.each([
  [["zone"], /neither KEY=VALUE nor KEY-/],
  [["=east"], /neither KEY=VALUE nor KEY-/],
  [["-"], /neither KEY=VALUE nor KEY-/],
  [["zone=east", "zone-"], /zone is named twice/],
  [["zone=east", "zone=west"], /zone is named twice/],
])("%j is refused", (given, reason) => {
  expect(() => labelChange(given)).toThrow(reason);
});

test("labels are told by name", () => {
  expect(labelsText({ zone: "east", disk: "nvme" })).toBe("disk=nvme, zone=east");
});
