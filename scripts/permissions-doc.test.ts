import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PERMISSIONS, type Permission } from "../coordinator/src/permissions/permission.ts";
import { BUILT_IN_ROLES, ROLE_NAMES } from "../coordinator/src/permissions/role.ts";
import { repositoryRoot } from "./bootstrap.mjs";

test("docs/permissions.md lists every permission with the roles that have it, and no other", () => {
  const text = readFileSync(join(repositoryRoot, "docs/permissions.md"), "utf8");
  const listed = [...text.matchAll(/^\| `([a-z:]+)` \|.*$/gm)].map(([line]) => line);
  const real = (Object.entries(PERMISSIONS) as [Permission, string][]).map(([name, lets]) => {
    const roles = ROLE_NAMES.map((role) => (BUILT_IN_ROLES.get(role)?.permits(name) ? "yes" : "")).join(" | ");
    return `| \`${name}\` | ${lets} | ${roles} |`;
  });
  expect(listed).toEqual(real);
});
