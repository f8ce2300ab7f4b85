import type { DescMessage, DescMethod, JsonObject, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { AuditObject } from "./audit-entry.ts";

type ObjectKind = Exclude<AuditObject["kind"], "">;

/** How a method that changes something is audited. */
export type AuditedMethod = {
  readonly kind: ObjectKind;
  /** The request's field that names the object, in proto notation; CALLER: the object is whoever calls. */
  readonly names: string;
  /** What becomes of the object; "used": it stays as it is, and what is made of it is not shown. */
  readonly change: "created" | "changed" | "removed" | "used";
  /** The answer's field that holds what was created or changed. */
  readonly after: string;
};

/** For what concerns the caller's own account, which no request names. */
export const CALLER = "";

const created = (kind: ObjectKind, names: string): AuditedMethod => ({ kind, names, change: "created", after: kind });
const changed = (kind: ObjectKind, names: string, after: string = kind): AuditedMethod => ({
  ...{ kind, names, change: "changed", after },
});
const removed = (kind: ObjectKind, names: string): AuditedMethod => ({ kind, names, change: "removed", after: "" });
const used = (kind: ObjectKind, names: string): AuditedMethod => ({ kind, names, change: "used", after: "" });

/** Every method that changes something, by service. One that is missing here fails a test. */
const AUDITED: Readonly<Record<string, Readonly<Record<string, AuditedMethod>>>> = {
  "lormas.api.v1.NodeService": {
    CreateJoinToken: used("cluster", "cluster"),
    UpdateNode: changed("node", "id"),
    CordonNode: changed("node", "id"),
    UncordonNode: changed("node", "id"),
    DrainNode: changed("node", "id"),
    StartMaintenance: changed("node", "id"),
    EndMaintenance: changed("node", "id"),
    RevokeNode: changed("node", "id"),
    RemoveNode: removed("node", "id"),
    ApproveNode: changed("node", "id"),
    DenyNode: removed("node", "id"),
  },
  "lormas.api.v1.AlertService": { AcknowledgeAlert: changed("alert", "id") },
  "lormas.api.v1.ClusterService": {
    CreateCluster: created("cluster", "name"),
    UpdateCluster: changed("cluster", "id"),
    DeleteCluster: removed("cluster", "id"),
    OverrideSuspension: changed("cluster", "id"),
  },
  "lormas.api.v1.EggService": {
    // Of one whose id follows from its name it is known afterwards whether it replaced another.
    ImportEgg: changed("egg", "id"),
    CreateEgg: created("egg", "id"),
    UpdateEgg: changed("egg", "id"),
    DeleteEgg: removed("egg", "id"),
  },
  "lormas.api.v1.ContainerService": {
    CreateContainer: created("container", "name"),
    DeleteContainer: changed("container", "id"),
    StartContainer: changed("container", "id"),
    StopContainer: changed("container", "id"),
    KillContainer: changed("container", "id"),
    SuspendContainer: changed("container", "id"),
    UnsuspendContainer: changed("container", "id"),
    UpdateContainer: changed("container", "id"),
    RestartContainer: changed("container", "id"),
    ReinstallContainer: changed("container", "id"),
    // Who sent something, and when; never what: it may be a password.
    SendConsoleInput: used("container", "id"),
    ResizeTerminal: used("container", "id"),
    // What is made is the migration; the container changes later.
    MigrateContainer: changed("container", "id", "migration"),
  },
  "lormas.api.v1.MigrationService": { CancelMigration: changed("migration", "id") },
  "lormas.api.v1.RegistryService": {
    SetRegistry: { ...used("registry", "server"), after: "registry" },
    RemoveRegistry: used("registry", "server"),
    TestRegistry: used("registry", "server"),
  },
  "lormas.api.v1.AccessService": {
    CreateRole: created("role", "name"),
    UpdateRole: changed("role", "name"),
    DeleteRole: removed("role", "name"),
    CreateToken: created("token", "name"),
    RevokeToken: removed("token", "name"),
    CreateUser: created("user", "email"),
    UpdateUser: changed("user", "email"),
    GrantRole: changed("user", "email"),
    UngrantRole: changed("user", "email"),
    ResetPassword: changed("user", "email"),
    EndSessions: used("user", "email"),
    DeleteUser: removed("user", "email"),
    EndUserSession: removed("session", "id"),
    RemoveTwoFactor: changed("user", "email"),
    // What is shown of it is the quota, not the person or the cluster that it is of.
    SetUserQuota: { ...used("user", "email"), after: "quota" },
    RemoveUserQuota: used("user", "email"),
    SetClusterQuota: { ...used("cluster", "cluster"), after: "quota" },
    RemoveClusterQuota: used("cluster", "cluster"),
    UpdateProfile: changed("user", CALLER),
    EndOwnSession: removed("session", "id"),
    EndOtherSessions: used("user", CALLER),
    RevokeOwnToken: removed("token", "name"),
  },
  "lormas.api.v1.AuthorityService": {
    RotateAuthority: changed("authority", "from"),
    LeaveNodesBehind: changed("authority", "rotation"),
  },
};

/** How a method is audited; null for one that changes nothing. */
export function auditedMethod({ parent, name }: DescMethod): AuditedMethod | null {
  return AUDITED[parent.typeName]?.[name] ?? null;
}

/** "ContainerService/StopContainer". */
export function methodName({ parent, name }: DescMethod): string {
  return `${parent.name}/${name}`;
}

/** A text field of a message; empty when it has none of that name. */
export function textField(schema: DescMessage, message: Message, name: string): string {
  const field = schema.fields.find((one) => one.name === name);
  const value = field?.fieldKind === "scalar" ? reflect(schema, message).get(field) : "";
  return typeof value === "string" ? value : "";
}

/** A message in a field of another, with its schema; null when it is not set. */
export function messageField(
  schema: DescMessage,
  message: Message,
  name: string,
): { readonly schema: DescMessage; readonly message: Message } | null {
  const field = schema.fields.find((one) => one.name === name);
  if (field?.fieldKind !== "message" || !reflect(schema, message).isSet(field)) return null;
  return { schema: field.message, message: reflect(schema, message).get(field).message };
}

/** In which field of its JSON an object has its name; what is not here has none. */
const NAME_FIELDS: Readonly<Partial<Record<ObjectKind, string>>> = {
  container: "name",
  node: "name",
  cluster: "name",
  egg: "name",
  token: "name",
  role: "name",
  user: "email",
  session: "email",
  registry: "server",
  migration: "containerName",
};

/** The id and the name that an object's JSON tells of it; empty where it does not. */
export function identityOf(
  kind: ObjectKind,
  object: JsonObject | null,
): { readonly id: string; readonly name: string } {
  const text = (key: string): string => (typeof object?.[key] === "string" ? object[key] : "");
  return { id: text("id"), name: text(NAME_FIELDS[kind] ?? "") };
}
