import { covers, PERMISSIONS, type Permission, type PermissionPattern } from "./permission.ts";

/** A role as it is written down. */
export type RoleDefinition = {
  readonly name: string;
  /** For people. */
  readonly description: string;
  /** It may all that these roles may. */
  readonly includes: readonly string[];
  readonly grants: readonly PermissionPattern[];
  /** A person who holds it and has no second factor may do nothing but set one up. Absent: it does not matter. */
  readonly secondFactorRequired?: boolean;
};

/** What of which role permits something. */
export type Permit = { readonly by: string; readonly grant: PermissionPattern };

/** A role, with all that it may worked out. */
export type Role = RoleDefinition & {
  readonly builtIn: boolean;
  /** All that it is granted, by itself and by the roles that it includes. */
  readonly patterns: readonly PermissionPattern[];
  /** Whether it, or a role that it includes, demands a second factor of people. */
  readonly secondFactorDemanded: boolean;
  /** What permits this; null: nothing does, and it is denied. */
  permits(asked: Permission): Permit | null;
};

export type RoleName = "superadmin" | "operator" | "developer" | "viewer";

/** The roles that ship, the mightiest first; each may all that the next may. */
const BUILT_IN: readonly RoleDefinition[] = [
  { name: "superadmin", description: "may everything", includes: [], grants: ["*"] },
  {
    name: "operator",
    description: "runs the fleet: nodes, clusters, migrations, suspensions, eggs, alerts; and all that a developer may",
    includes: ["developer"],
    grants: [
      "node:*",
      "cluster:update",
      "cluster:override",
      "migration:manage",
      "suspension:manage",
      "egg:*",
      "alert:acknowledge",
      "audit:view",
    ],
  },
  {
    name: "developer",
    description:
      "creates, runs and removes containers, reads what they print, and exports eggs; and all that a viewer may",
    includes: ["viewer"],
    grants: ["container:*", "egg:export"],
  },
  {
    name: "viewer",
    description: "sees everything but what containers print, and changes nothing",
    includes: [],
    grants: [
      ...(["alert:view", "cluster:view", "container:view", "egg:view", "event:view"] as const),
      ...(["job:view", "migration:view", "node:health:view", "node:view"] as const),
    ],
  },
];

export const ROLE_NAMES: readonly RoleName[] = ["superadmin", "operator", "developer", "viewer"];

const ALL = Object.keys(PERMISSIONS) as readonly Permission[];

/** Every role there is, by name: those that ship, the mightiest first, then one's own. */
export class RoleBook {
  readonly #roles = new Map<string, Role>();

  /**
   * `own` must not have cycles, nor names of roles that ship; what includes a role that is not there gets nothing by it.
   * `demanding`: which of those that ship demand a second factor.
   */
  constructor(own: readonly RoleDefinition[] = [], demanding: ReadonlySet<string> = new Set()) {
    const shipped = BUILT_IN.map((one) => (demanding.has(one.name) ? { ...one, secondFactorRequired: true } : one));
    const definitions = new Map([...shipped, ...own].map((definition) => [definition.name, definition]));
    for (const definition of definitions.values()) {
      const granting = withIncluded(definition, definitions);
      const permits = permitsOf(granting);
      const patterns = [...new Set(granting.flatMap(({ grants }) => grants))];
      const builtIn = shipped.includes(definition);
      const secondFactorDemanded = granting.some(({ secondFactorRequired }) => secondFactorRequired === true);
      const permitted = (asked: Permission): Permit | null => permits.get(asked) ?? null;
      this.#roles.set(definition.name, { ...definition, builtIn, patterns, secondFactorDemanded, permits: permitted });
    }
  }

  /** The role of this name; null when there is none. */
  get(name: string): Role | null {
    return this.#roles.get(name) ?? null;
  }

  all(): Role[] {
    return [...this.#roles.values()];
  }

  /** The roles that may something, for whoever is told that theirs may not. */
  thatMay(asked: Permission): string[] {
    return this.all()
      .filter((role) => role.permits(asked) !== null)
      .map(({ name }) => name);
  }
}

/** The roles that ship, alone. */
export const BUILT_IN_ROLES = new RoleBook();

/** A role and those that it includes, each once, itself first. */
function withIncluded(definition: RoleDefinition, all: ReadonlyMap<string, RoleDefinition>): RoleDefinition[] {
  const seen = new Map<string, RoleDefinition>();
  const queue: RoleDefinition[] = [definition];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (seen.has(next.name)) continue;
    seen.set(next.name, next);
    for (const name of next.includes) {
      const included = all.get(name);
      if (included !== undefined) queue.push(included);
    }
  }
  return [...seen.values()];
}

/** All that these roles may, each with what permits it: what the first one grants before the others. */
function permitsOf(granting: readonly RoleDefinition[]): ReadonlyMap<Permission, Permit> {
  const permits = new Map<Permission, Permit>();
  for (const { name, grants } of granting) {
    for (const asked of ALL) {
      const grant = permits.has(asked) ? undefined : grants.find((pattern) => covers(pattern, asked));
      if (grant !== undefined) permits.set(asked, { by: name, grant });
    }
  }
  return permits;
}
