import { create } from "@bufbuild/protobuf";
import { UpdateNodeRequestSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { type Maskable, unmasked } from "./field-mask.ts";

const MASKABLE: Maskable<typeof UpdateNodeRequestSchema> = {
  cleared: { priority: 10 },
  needed: ["name"],
  changes: ["setLabels", "removeLabels"],
};
const GIVEN = { id: "node-1", etag: "seen", name: "first", setLabels: { zone: "east" }, removeLabels: ["disk"] };
const update = (updateMask: string[], given = {}) =>
  unmasked(UpdateNodeRequestSchema, create(UpdateNodeRequestSchema, { ...GIVEN, ...given, updateMask }), MASKABLE);

test("an update without a mask stays as it is", () => {
  expect(update([])).toMatchObject(GIVEN);
  expect(update([]).priority).toBeUndefined();
});

test("what a mask does not name is absent, and what nobody could name stays", () => {
  const masked = update(["name"], { priority: 3 });
  expect(masked).toMatchObject({ id: "node-1", etag: "seen", name: "first", setLabels: {}, removeLabels: [] });
  expect(masked.priority).toBeUndefined();
});

test("what is named and absent is cleared where it can be", () => {
  expect(update(["priority"]).priority).toBe(10);
  expect(update(["priority"], { priority: 0 }).priority).toBe(0);
  expect(() => update(["name"], { name: undefined })).toThrow(/^name: update_mask names it and it is absent/);
});

test("of what says how something changes nothing is nothing", () => {
  expect(update(["set_labels"], { setLabels: {} })).toMatchObject({ setLabels: {}, removeLabels: [] });
});

test("fields are named as in the proto or as in JSON", () => {
  expect(update(["setLabels", "remove_labels"])).toMatchObject({ setLabels: { zone: "east" }, removeLabels: ["disk"] });
});

test.each(["nmae", "id", "etag", "update_mask", "validate_only", "*", "", "set_labels.zone", "constructor"])(
  'a mask that names "%s" is refused, with the names that it may have',
  (path) => {
    expect(() => update(["priority", path])).toThrow(
      `update_mask: "${path}" is no field that this changes; these are: priority, set_labels, remove_labels, name`,
    );
  },
);
