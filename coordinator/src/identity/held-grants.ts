import type { Grant } from "../permissions/grant.ts";
import type { RoleBook } from "../permissions/role.ts";
import type { ScopedGrant } from "../store/grant-store.ts";

/** All that somebody holds, the role for everything first. A role that this version does not know grants nothing and is left out. */
export function heldGrants(book: RoleBook, role: string, scoped: readonly ScopedGrant[]): Grant[] {
  const forEverything = { role, scope: { kind: "everything" } as const };
  const held = scoped.map(({ role: name, scopeKind: kind, scopeId: id, scopeName }) => ({
    role: name,
    scope: { kind, id, name: scopeName },
  }));
  return [forEverything, ...held].flatMap((one) => {
    const known = book.get(one.role);
    return known === null ? [] : [{ role: known, scope: one.scope }];
  });
}
