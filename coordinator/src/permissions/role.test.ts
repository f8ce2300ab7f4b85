import { describe, expect, test } from "vitest";
import { covers, PERMISSIONS, type Permission } from "./permission.ts";
import { BUILT_IN_ROLES, ROLE_NAMES, type RoleName } from "./role.ts";

const permits = (role: string, asked: Permission) => BUILT_IN_ROLES.get(role)?.permits(asked) ?? null;
const ALL = Object.keys(PERMISSIONS) as Permission[];

/** Who may what, written by hand: s superadmin, o operator, d developer, v viewer. docs/permissions.md shows the same. */
const TABLE: Readonly<Record<Permission, string>> = {
  "alert:acknowledge": "so",
  "alert:view": "sodv",
  "audit:view": "so",
  "authority:rotate": "s",
  "authority:view": "s",
  "cluster:create": "s",
  "cluster:delete": "s",
  "cluster:override": "so",
  "cluster:update": "so",
  "cluster:view": "sodv",
  "container:console:send": "sod",
  "container:create": "sod",
  "container:delete": "sod",
  "container:ha:create": "sod",
  "container:kill": "sod",
  "container:logs:view": "sod",
  "container:reinstall": "sod",
  "container:restart": "sod",
  "container:start": "sod",
  "container:stop": "sod",
  "container:update": "sod",
  "container:view": "sodv",
  "egg:delete": "so",
  "egg:export": "sod",
  "egg:import": "so",
  "egg:variable:override": "so",
  "egg:view": "sodv",
  "event:view": "sodv",
  "job:view": "sodv",
  "migration:manage": "so",
  "migration:view": "sodv",
  "node:approve": "so",
  "node:duty:manage": "so",
  "node:enrol": "so",
  "node:health:view": "sodv",
  "node:remove": "so",
  "node:revoke": "so",
  "node:update": "so",
  "node:view": "sodv",
  "quota:manage": "s",
  "registry:manage": "s",
  "role:manage": "s",
  "suspension:manage": "so",
  "token:manage": "s",
  "user:manage": "s",
};

describe("the roles that ship", () => {
  test.each(Object.entries(TABLE) as [Permission, string][])("%s is of %s", (permission, letters) => {
    expect(
      BUILT_IN_ROLES.thatMay(permission)
        .map((role) => role[0])
        .join(""),
    ).toBe(letters);
  });

  test("each may all that the next may, so that handing out a role hands out no more than one has", () => {
    for (const [index, role] of ROLE_NAMES.entries()) {
      for (const lower of ROLE_NAMES.slice(index)) {
        for (const permission of ALL) {
          if (permits(lower, permission) !== null)
            expect(permits(role, permission), `${role} ${permission}`).not.toBeNull();
        }
      }
    }
  });

  test("a grant says whose it is, and what of it", () => {
    expect(permits("operator", "container:start")).toEqual({ by: "developer", grant: "container:*" });
    expect(permits("superadmin" satisfies RoleName, "token:manage")).toEqual({ by: "superadmin", grant: "*" });
    expect(permits("viewer", "container:start")).toBeNull();
  });
});

test("a wildcard covers what begins so and nothing beside it", () => {
  expect(covers("container:*", "container:ha:create")).toBe(true);
  expect(covers("container:ha:*", "container:ha:create")).toBe(true);
  expect(covers("container:ha:*", "container:create")).toBe(false);
  expect(covers("node:*", "container:start")).toBe(false);
  expect(covers("container:start", "container:stop")).toBe(false);
  for (const permission of ALL) expect(covers("*", permission)).toBe(true);
});

test("a wildcard is covered by itself and by wider ones, never by what it covers today", () => {
  expect(covers("container:*", "container:*")).toBe(true);
  expect(covers("container:*", "container:ha:*")).toBe(true);
  expect(covers("*", "container:*")).toBe(true);
  expect(covers("container:ha:*", "container:*")).toBe(false);
  expect(covers("container:*", "*")).toBe(false);
  expect(covers("container:ha:create", "container:ha:*")).toBe(false);
});
