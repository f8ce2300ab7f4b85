import { expect, test } from "vitest";
import { BUILT_IN_ROLES, RoleBook, type RoleDefinition } from "./role.ts";
import { nearest, roleOf } from "./role-rules.ts";

const role = (name: string, includes: string[], grants: string[] = []) => ({ name, description: "", includes, grants });
const book = (...own: RoleDefinition[]) => new Map([...BUILT_IN_ROLES.all(), ...own].map((one) => [one.name, one]));

test("a role has permissions, patterns and other roles, each once", () => {
  const wish = role("crew", ["viewer", "viewer"], ["container:*", "migration:manage", "container:*"]);
  expect(roleOf(wish, book())).toEqual({
    ...wish,
    secondFactorRequired: false,
    includes: ["viewer"],
    grants: ["container:*", "migration:manage"],
  });
});

test.each([
  [
    "a permission that there is not",
    role("x", [], ["container:fly"]),
    "grants",
    "there is no permission container:fly",
  ],
  ["a pattern that covers nothing", role("x", [], ["containers:*"]), "grants", "there is no permission containers:*"],
  ["a star in the middle", role("x", [], ["cont*"]), "grants", "there is no permission cont*"],
  ["a role that there is not", role("x", ["king"]), "includes", "there is no role king"],
  ["itself", role("x", ["x"]), "includes", "it would include itself: x includes x"],
  ["nothing", role("x", []), "grants", "the role x would grant nothing"],
])("%s is refused", (_, wish, field, message) => {
  expect(roleOf(wish, book())).toMatchObject({ field, message: expect.stringContaining(message) });
});

test("a role that would include itself by way of others is refused, with the way", () => {
  const a = { ...role("a", ["b"]), grants: [] };
  const b = { ...role("b", ["c"]), grants: [] };
  const found = roleOf(role("c", ["a"]), book(a, b));
  expect(found).toMatchObject({ message: "it would include itself: c includes a includes b includes c" });
});

test("what was mistyped is told with what is written most alike", () => {
  expect(nearest("container:strat")[0]).toBe("container:start");
  expect(nearest("containr:*")).toHaveLength(3);
});

test("a role may all that it includes, over every step, and nothing more", () => {
  const crew: RoleDefinition = { ...role("crew", ["watch"]), grants: ["container:start"] };
  const watch: RoleDefinition = { ...role("watch", []), grants: ["container:view", "node:*"] };
  const all = new RoleBook([crew, watch]);
  expect(all.get("crew")?.permits("node:update")).toEqual({ by: "watch", grant: "node:*" });
  expect(all.get("crew")?.permits("container:start")).toEqual({ by: "crew", grant: "container:start" });
  expect(all.get("crew")?.permits("container:stop")).toBeNull();
  expect(all.get("nobody")).toBeNull();
});
