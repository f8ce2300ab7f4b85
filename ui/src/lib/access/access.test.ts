import { create } from "@bufbuild/protobuf";
import { PermissionInfoSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { describe, expect, test } from "vitest";
import { grantText, roleText } from "./grant-text.ts";
import { coveringGrant, permissionGroups, toggled } from "./permission-groups.ts";
import { lifetimeSeconds } from "./token-lifetime.ts";

describe("permissions", () => {
  test("are grouped by what they are about, with the pattern that covers the group", () => {
    const names = ["container:view", "egg:view", "container:ha:create"];
    const groups = permissionGroups(names.map((name) => create(PermissionInfoSchema, { name })));
    expect(groups.map(({ resource, pattern, permissions }) => [resource, pattern, permissions.length])).toEqual([
      ["container", "container:*", 2],
      ["egg", "egg:*", 1],
    ]);
  });

  test("are covered by themselves, by a pattern and by everything, and not by a name that only begins alike", () => {
    expect(coveringGrant(["node:view"], "node:view")).toBe("node:view");
    expect(coveringGrant(["container:*"], "container:ha:create")).toBe("container:*");
    expect(coveringGrant(["container:ha:*"], "container:view")).toBeUndefined();
    expect(coveringGrant(["*"], "egg:view")).toBe("*");
    expect(coveringGrant(["node:*"], "nodes:view")).toBeUndefined();
  });

  test("are taken in once and out again", () => {
    expect(toggled(["a:b"], "c:d", true)).toEqual(["a:b", "c:d"]);
    expect(toggled(["a:b"], "a:b", true)).toEqual(["a:b"]);
    expect(toggled(["a:b", "c:d"], "a:b", false)).toEqual(["c:d"]);
  });
});

test("a grant is told with where it holds, and no role is a word", () => {
  expect(grantText({ role: "developer", cluster: "games", container: "" })).toBe("developer in the cluster games");
  expect(grantText({ role: "viewer", cluster: "", container: "shop" })).toBe("viewer for the container shop");
  expect([roleText(""), roleText("viewer")]).toEqual(["none", "viewer"]);
});

test("a token's lifetime is whole seconds, at most ten years, and never is zero", () => {
  expect([lifetimeSeconds("30"), lifetimeSeconds("never"), lifetimeSeconds("3650")]).toEqual([
    2_592_000, 0, 315_360_000,
  ]);
  expect(() => lifetimeSeconds("3651")).toThrow();
});
