import type { DescMethod } from "@bufbuild/protobuf";
import type { Permission } from "./permission.ts";

/**
 * What a method asks of its caller: a permission; "signed_in", for what concerns the caller alone; "loopback": the permission
 * node:health:view, or a call from this machine; "public": nothing.
 */
export type MethodRule = Permission | "signed_in" | "loopback" | "public";

/**
 * Where the caller must have the permission. "fleet": for everything, since what it touches is of no cluster. "anywhere": by any
 * grant, since what it shows is the same everywhere. "listed": by any grant; the answer holds what those reach. "inside": the
 * method itself asks, once it knows what it touches. An object: where that is, which the request's field (in proto notation) names.
 */
export type MethodPlace = "fleet" | "anywhere" | "listed" | "inside" | ObjectNamed;

/** A thing that has a place. */
export type PlacedKind = "container" | "node" | "cluster" | "migration" | "alert";

export type ObjectNamed = { readonly kind: PlacedKind; readonly field: string };

type Ruled = MethodRule | readonly [MethodRule, Exclude<MethodPlace, "fleet">];

const named = (kind: PlacedKind, field = "id"): ObjectNamed => ({ kind, field });
const node = named("node");
const cluster = named("cluster");
const container = named("container");

/**
 * Every method that is served, by service. One that is not here is denied to everybody, and fails a test; a permission alone must be
 * held for the whole fleet.
 */
const RULES: Readonly<Record<string, Readonly<Record<string, Ruled>>>> = {
  "lormas.api.v1.NodeService": {
    ListNodes: ["node:view", "listed"],
    GetNode: ["node:view", node],
    CreateJoinToken: ["node:enrol", named("cluster", "cluster")],
    UpdateNode: ["node:update", node],
    CordonNode: ["node:duty:manage", node],
    UncordonNode: ["node:duty:manage", node],
    DrainNode: ["node:duty:manage", node],
    StartMaintenance: ["node:duty:manage", node],
    EndMaintenance: ["node:duty:manage", node],
    RevokeNode: ["node:revoke", node],
    RemoveNode: ["node:remove", node],
    ApproveNode: ["node:approve", node],
    DenyNode: ["node:approve", node],
    // Of one node, or of all that the caller may see.
    WhatIf: ["node:view", "inside"],
  },
  "lormas.api.v1.JobService": { ListJobs: ["job:view", "listed"], GetJob: ["job:view", "inside"] },
  "lormas.api.v1.AlertService": {
    ListAlerts: ["alert:view", "listed"],
    GetAlert: ["alert:view", named("alert")],
    AcknowledgeAlert: ["alert:acknowledge", named("alert")],
  },
  "lormas.api.v1.ClusterService": {
    ListClusters: ["cluster:view", "listed"],
    GetCluster: ["cluster:view", cluster],
    ListProfiles: ["cluster:view", "anywhere"],
    CreateCluster: "cluster:create",
    UpdateCluster: ["cluster:update", cluster],
    DeleteCluster: ["cluster:delete", cluster],
    OverrideSuspension: ["cluster:override", cluster],
  },
  "lormas.api.v1.EggService": {
    ListEggs: ["egg:view", "anywhere"],
    ListEggCategories: ["egg:view", "anywhere"],
    // What both do an import could do as well.
    CreateEgg: "egg:import",
    UpdateEgg: "egg:import",
    GetEgg: ["egg:view", "anywhere"],
    ExportEgg: ["egg:export", "anywhere"],
    ImportEgg: "egg:import",
    DeleteEgg: "egg:delete",
  },
  "lormas.api.v1.ContainerService": {
    // One of type HA needs container:ha:create as well; where, follows from the cluster that the request prefers.
    CreateContainer: ["container:create", "inside"],
    ListContainers: ["container:view", "listed"],
    GetContainer: ["container:view", container],
    DeleteContainer: ["container:delete", container],
    StartContainer: ["container:start", container],
    StopContainer: ["container:stop", container],
    KillContainer: ["container:kill", container],
    SuspendContainer: ["suspension:manage", container],
    UnsuspendContainer: ["suspension:manage", container],
    // One that becomes HA needs container:ha:create as well, and one that prefers another cluster the permission there.
    UpdateContainer: ["container:update", container],
    RestartContainer: ["container:restart", container],
    ReinstallContainer: ["container:reinstall", container],
    // It takes a turn among the decisions, as the migration does. Both ask once more for the cluster of the target.
    PreviewMigration: ["migration:manage", container],
    MigrateContainer: ["migration:manage", container],
    ListMigrationHistory: ["migration:view", container],
    StreamLogs: ["container:logs:view", "inside"],
    ListUsage: ["container:view", container],
    StreamUsage: ["container:view", "inside"],
    SendConsoleInput: ["container:console:send", container],
    // What it shows is the container's output, and what is typed there is echoed by it.
    StreamTerminal: ["container:logs:view", "inside"],
    ResizeTerminal: ["container:console:send", container],
  },
  "lormas.api.v1.MigrationService": {
    ListMigrations: ["migration:view", "listed"],
    GetMigration: ["migration:view", named("migration")],
    CancelMigration: ["migration:manage", named("migration")],
  },
  "lormas.api.v1.EventService": { ListEvents: ["event:view", "listed"], Watch: ["event:view", "listed"] },
  "lormas.api.v1.HealthService": { GetHealth: ["loopback", "listed"] },
  "lormas.api.v1.AccessService": {
    WhoAmI: "signed_in",
    CanI: "signed_in",
    ListRoles: "signed_in",
    GetRole: "signed_in",
    CreateRole: "role:manage",
    UpdateRole: "role:manage",
    DeleteRole: "role:manage",
    ListTokens: "token:manage",
    CreateToken: "token:manage",
    RevokeToken: "token:manage",
    ListUsers: "user:manage",
    GetUser: "user:manage",
    CreateUser: "user:manage",
    UpdateUser: "user:manage",
    GrantRole: "user:manage",
    UngrantRole: "user:manage",
    ResetPassword: "user:manage",
    EndSessions: "user:manage",
    DeleteUser: "user:manage",
    ListUserSessions: "user:manage",
    EndUserSession: "user:manage",
    RemoveTwoFactor: "user:manage",
    ListQuotas: "quota:manage",
    SetUserQuota: "quota:manage",
    RemoveUserQuota: "quota:manage",
    SetClusterQuota: "quota:manage",
    RemoveClusterQuota: "quota:manage",
    GetProfile: "signed_in",
    UpdateProfile: "signed_in",
    ListOwnSessions: "signed_in",
    EndOwnSession: "signed_in",
    EndOtherSessions: "signed_in",
    ListOwnTokens: "signed_in",
    RevokeOwnToken: "signed_in",
  },
  "lormas.api.v1.RegistryService": {
    ListRegistries: "registry:manage",
    SetRegistry: "registry:manage",
    RemoveRegistry: "registry:manage",
    TestRegistry: "registry:manage",
  },
  "lormas.api.v1.AuthorityService": {
    GetAuthority: "authority:view",
    RotateAuthority: "authority:rotate",
    LeaveNodesBehind: "authority:rotate",
  },
  "lormas.api.v1.AuditService": { ListAuditEntries: "audit:view", ExportAuditEntries: "audit:view" },
  // The standard health service says no more than /health/ready does, and probes have no credentials.
  "grpc.health.v1.Health": { Check: "public", List: "public", Watch: "public" },
  "grpc.reflection.v1.ServerReflection": { ServerReflectionInfo: "signed_in" },
  "grpc.reflection.v1alpha.ServerReflection": { ServerReflectionInfo: "signed_in" },
};

/** The rule of a method; null where it has none, and nobody may call it. */
export function ruleOf(method: DescMethod): MethodRule | null {
  const ruled = ruledOf(method);
  return ruled === undefined ? null : typeof ruled === "string" ? ruled : ruled[0];
}

/** Where a method's caller must have the permission that its rule names. */
export function placeOf(method: DescMethod): MethodPlace {
  const ruled = ruledOf(method);
  return ruled === undefined || typeof ruled === "string" ? "fleet" : ruled[1];
}

/** Whether every method that asks for a permission asks for it by any grant: what it shows is the same everywhere. */
export function isAnywhere(asked: Permission): boolean {
  const ruled = Object.values(RULES)
    .flatMap((methods) => Object.values(methods))
    .filter((one) => (typeof one === "string" ? one : one[0]) === asked);
  return ruled.length > 0 && ruled.every((one) => typeof one !== "string" && one[1] === "anywhere");
}

function ruledOf({ parent, name }: DescMethod): Ruled | undefined {
  return RULES[parent.typeName]?.[name];
}
