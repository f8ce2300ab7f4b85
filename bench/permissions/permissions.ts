import { demand } from "@lormas/coordinator/api/demand-permission.ts";
import type { Grant, Place } from "@lormas/coordinator/permissions/grant.ts";
import { isPermission, PERMISSIONS, type Permission } from "@lormas/coordinator/permissions/permission.ts";
import { BUILT_IN_ROLES, type Role } from "@lormas/coordinator/permissions/role.ts";
import { percentile } from "../frame/percentile.ts";
import { atMost, type Findings, type Section } from "../frame/section.ts";

/** What the product promises of one decision. */
const P99_MAX_US = 50;
const ASKED = Object.keys(PERMISSIONS).filter(isPermission);
/** Rounds over every role and permission; the first ones are the compiler's. */
const ROUNDS = 2_000;
const WARM_ROUNDS = 200;
/** The most that one may hold: 100 roles for clusters and containers. */
const SCOPED = 100;

export const permissions: Section = {
  name: "permissions",
  measures:
    "what it costs in memory to decide whether a caller may do something, for every role and every permission; a denial makes the " +
    "error that its caller gets. Once with a role for everything, and once with as many roles for clusters and containers as one " +
    "may hold, of which the last covers what is asked for",
  run: async () => permissionsRun(),
};

function permissionsRun(): Findings {
  const whole = measured((role) => [{ role, scope: { kind: "everything" } }], { clusterIds: [], containerId: null });
  const scoped = measured(scopedGrants, { clusterIds: [`cluster-${SCOPED - 1}`], containerId: "elsewhere" });
  return {
    rows: [
      atMost("a permission that is granted, p99", percentile(whole.granted, 0.99), "µs", P99_MAX_US),
      atMost("a permission that is denied, with its error, p99", percentile(whole.denied, 0.99), "µs", P99_MAX_US),
      atMost("granted by the last of 100 scoped grants, p99", percentile(scoped.granted, 0.99), "µs", P99_MAX_US),
      atMost("denied by 100 scoped grants, with its error, p99", percentile(scoped.denied, 0.99), "µs", P99_MAX_US),
    ],
    plots: [],
  };
}

function scopedGrants(role: Role): Grant[] {
  return Array.from({ length: SCOPED }, (_, index): Grant => {
    const kind = index % 2 === 0 ? "container" : "cluster";
    return { role, scope: { kind, id: `${kind}-${index}`, name: `${kind}-${index}` } };
  });
}

function measured(grantsOf: (role: Role) => Grant[], place: Place): { granted: number[]; denied: number[] } {
  const granted: number[] = [];
  const denied: number[] = [];
  const callers = BUILT_IN_ROLES.all().map(
    (role): Caller => ({
      ...{ kind: "token", id: "", person: "", name: "bench", tokenPrefix: "", expiresAt: null, sessionId: "" },
      ...{ role: role.name, grants: grantsOf(role) },
    }),
  );
  for (let round = -WARM_ROUNDS; round < ROUNDS; round++) {
    for (const caller of callers) {
      for (const asked of ASKED) {
        const { isGranted, tookUs } = decision(caller, asked, place);
        if (round >= 0) (isGranted ? granted : denied).push(tookUs);
      }
    }
  }
  return { granted, denied };
}

type Caller = Parameters<typeof demand>[0];

function decision(caller: Caller, asked: Permission, place: Place): { isGranted: boolean; tookUs: number } {
  const begunNs = process.hrtime.bigint();
  let isGranted = true;
  try {
    demand(caller, asked, { place, what: "" });
  } catch {
    isGranted = false;
  }
  return { isGranted, tookUs: Number(process.hrtime.bigint() - begunNs) / 1_000 };
}
