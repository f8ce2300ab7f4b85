import type { DescField } from "@bufbuild/protobuf";
import { DutyState, NodeStatus } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CallApi } from "./call-api.ts";
import { eggText } from "./egg-text.ts";
import { isSuspended, KEY_FINGERPRINT, type OwnThings } from "./fleet-stock.ts";
import { Reference, type RequestInit } from "./request-arbitrary.ts";

/** Kinds of things that a request can name. */
export type PoolName =
  | "alert"
  | "architecture"
  | "authority"
  | "category"
  | "cluster"
  | "constraint"
  | "container"
  | "egg"
  | "eggText"
  | "email"
  | "etag"
  | "filter"
  | "hostPort"
  | "idleNode"
  | "image"
  | "job"
  | "keyFingerprint"
  | "locale"
  | "madeCluster"
  | "madeEgg"
  | "madeRole"
  | "migration"
  | "newEmail"
  | "node"
  | "order"
  | "ownToken"
  | "pageToken"
  | "permission"
  | "profile"
  | "registry"
  | "role"
  | "sequence"
  | "server"
  | "session"
  | "shelf"
  | "silentNode"
  | "suspendedCluster"
  | "target"
  | "timeZone"
  | "token"
  | "variable"
  | "waitingNode";

/** By service, what its `id` names. */
const IDS: Readonly<Record<string, PoolName>> = {
  NodeService: "node",
  AlertService: "alert",
  ClusterService: "cluster",
  EggService: "egg",
  ContainerService: "container",
  JobService: "job",
  MigrationService: "migration",
};
/** Of methods whose fields name what few things are; null: a new one. */
const METHOD_FIELDS: Readonly<Record<string, PoolName | null>> = {
  "ApproveNode.id": "waitingNode",
  "CreateEgg.id": null,
  "CreateUser.email": "newEmail",
  "DeleteCluster.id": "madeCluster",
  "DeleteEgg.id": "madeEgg",
  "DeleteRole.name": "madeRole",
  "DenyNode.id": "waitingNode",
  "EndMaintenance.id": "idleNode",
  "EndOwnSession.id": "session",
  "EndUserSession.id": "session",
  "GetRole.name": "role",
  "ImportEgg.id": null,
  "LeaveNodesBehind.rotation": "authority",
  "OverrideSuspension.id": "suspendedCluster",
  "OverrideSuspension.nodes": "silentNode",
  "RemoveNode.id": "silentNode",
  "RemoveRegistry.server": "registry",
  "RevokeOwnToken.name": "ownToken",
  "RevokeToken.name": "token",
  "RotateAuthority.from": "authority",
  "SetRegistry.server": "server",
  "TestRegistry.server": "registry",
  "UncordonNode.id": "idleNode",
  "UpdateEgg.id": "madeEgg",
  "UpdateRole.name": "madeRole",
};
/** Of messages inside requests. */
const MESSAGE_FIELDS: Readonly<Record<string, PoolName | null>> = {
  // Every egg has one, and any text is an image's reference.
  "EggDraft.category": "shelf",
  "EggImage.image": null,
  "EggInstallScript.image": null,
};
const FIELDS: Readonly<Record<string, PoolName>> = {
  after: "sequence",
  // Of LabelConstraints and Architectures.
  all: "constraint",
  any: "architecture",
  architectures: "architecture",
  category: "category",
  cluster: "cluster",
  constraints: "constraint",
  container: "container",
  content: "eggText",
  egg_id: "egg",
  email: "email",
  etag: "etag",
  filter: "filter",
  environment: "variable",
  secret_environment: "variable",
  set_environment: "variable",
  set_secret_environment: "variable",
  unset_environment: "variable",
  // Of a role; those of a token are messages.
  grants: "permission",
  host_ports: "hostPort",
  image: "image",
  includes: "role",
  key_fingerprint: "keyFingerprint",
  locale: "locale",
  job: "job",
  node: "node",
  nodes: "node",
  order_by: "order",
  page_token: "pageToken",
  permission: "permission",
  preferred_cluster: "cluster",
  profile: "profile",
  role: "role",
  startup_command: "image",
  target_node: "target",
  time_zone: "timeZone",
};

/** Kinds whose names are UUIDs. */
const UUIDS: ReadonlySet<PoolName> = new Set(["alert", "job", "migration"]);
const NO_UUID = "00000000-0000-4000-8000-000000000000";

/** The two maps of a request, of which a name may stand in one. */
const ENVIRONMENTS = [
  ["environment", "secretEnvironment"],
  ["setEnvironment", "setSecretEnvironment"],
] as const;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of which kind of thing a field of a service's method names one; null: of none, or of a new one. */
export function poolOf(service: string, method: string, field: DescField): PoolName | null {
  const only = METHOD_FIELDS[`${method}.${field.name}`];
  // Not of a message inside the request.
  if (only !== undefined && field.parent.name === `${method}Request`) return only;
  const inside = MESSAGE_FIELDS[`${field.parent.name}.${field.name}`];
  if (inside !== undefined) return inside;
  return field.name === "id" ? (IDS[service] ?? null) : (FIELDS[field.name] ?? null);
}

/** Names and ids of what is there, as the API tells of it. */
export class KnownThings {
  readonly #pools = new Map<PoolName, readonly (string | bigint)[]>([
    ["permission", ["container:view", "migration:manage", "node:enrol", "cluster:view", "container:view", "no:such"]],
    ["profile", ["lan", "fast", "default", "large", "patient"]],
    ["eggText", [...["One", "Two", "Three", "Four"].map((name) => eggText(`Fuzz ${name}`)), "{}"]],
    ["category", ["", "web", "game"]],
    ["shelf", ["web", "game", "Made By Hand"]],
    ["variable", ["GREETING"]],
    ["constraint", ["zone!=nowhere", "zone not in (east, west)", "gpu not exists", "zone not in (a)", "disk="]],
    ["architecture", ["amd64", "x86_64", "arm64", "amd64"]],
    ["hostPort", ["http"]],
    // An egg's own, mostly.
    ["image", ["", "", "", "", "", "", "", "example.test/java:21"]],
    // Most changes go by no etag; one that is none finds its thing changed.
    ["etag", ["", "", "", "", "", "", "", "stale"]],
    ["filter", ["", "", "", 'name : "a"', "container = web", "state = running AND container : w", "status != dead"]],
    ["order", ["", "", "", "name desc", "created_at", "priority desc", "name; drop table container"]],
    ["newEmail", Array.from({ length: 40 }, (_, number) => `ann-${number}@example.test`)],
    ["keyFingerprint", ["", "", KEY_FINGERPRINT]],
    ["locale", ["", "en", "de-DE", "fr", "en-GB"]],
    ["timeZone", ["", "UTC", "Europe/Berlin", "America/New_York", "Mars/Base"]],
    ["server", ["127.0.0.1:1", "localhost:1", "127.0.0.1:2", "127.0.0.1:3"]],
    ["pageToken", [""]],
  ]);
  /** Whose each session is, and of which cluster each registry's login. */
  readonly #sessions = new Map<string, string[]>();
  readonly #logins = new Map<string, string[]>();

  /** Reads every list anew; `newest` is the number of the newest event. */
  async refresh(call: CallApi, own: OwnThings, newest: bigint): Promise<void> {
    const both = (things: readonly { readonly id: string; readonly name: string }[]) =>
      things.flatMap(({ id, name }) => [id, name]);
    const ids = (things: readonly { readonly id: string }[]) => things.map(({ id }) => id);
    const all = { pageSize: 1_000 };
    const [nodes, clusters, containers, eggs, active, migrations, alerts, tokens, jobs, roles, users, registries] =
      await Promise.all([
        call.nodes.listNodes(all),
        call.clusters.listClusters(all),
        call.containers.listContainers(all),
        call.eggs.listEggs(all),
        call.migrations.listMigrations({ activeOnly: true, pageSize: 20 }),
        call.migrations.listMigrations({ pageSize: 5 }),
        call.alerts.listAlerts({ includeResolved: false, pageSize: 20 }),
        call.access.listTokens({}),
        call.jobs.listJobs({ pageSize: 20 }),
        call.access.listRoles({}),
        call.access.listUsers(all),
        call.registries.listRegistries({}),
      ]);
    const madeRoles = roles.roles.filter(({ builtIn }) => !builtIn).map(({ name }) => name);
    const builtInRoles = roles.roles.filter(({ builtIn }) => builtIn).map(({ name }) => name);
    this.#pools.set("role", [...builtInRoles, ...madeRoles, "none"]);
    this.#pools.set("madeRole", [...madeRoles, builtInRoles[0] ?? "none"]);
    this.#pools.set("node", both(nodes.nodes));
    this.#pools.set("target", ["", ...both(nodes.nodes.filter(({ clusterName }) => clusterName === "local"))]);
    this.#pools.set("waitingNode", both(nodes.nodes.filter(({ approval }) => approval !== undefined)));
    const outOfService = nodes.nodes.filter(({ duty }) => duty?.state !== DutyState.IN_SERVICE);
    this.#pools.set("idleNode", [...both(outOfService), ...ids(nodes.nodes.slice(0, 2))]);
    const silent = nodes.nodes.filter(({ status }) => status === NodeStatus.UNHEALTHY || status === NodeStatus.DEAD);
    this.#pools.set("silentNode", both(silent));
    this.#pools.set("cluster", [...both(clusters.clusters), "local", "local"]);
    this.#pools.set("madeCluster", both(clusters.clusters.filter(({ nodeCount }) => nodeCount === 0)));
    const suspended = clusters.clusters.filter(isSuspended);
    this.#pools.set("suspendedCluster", both(suspended.length > 0 ? suspended : clusters.clusters));
    if (suspended.length > 0) {
      const theirs = silent.filter(({ clusterId }) => suspended.some(({ id }) => id === clusterId));
      this.#pools.set("silentNode", both(theirs.length > 0 ? theirs : silent));
    }
    this.#pools.set("container", both(containers.containers));
    const madeEggs = ids(eggs.eggs.filter(({ builtIn }) => !builtIn));
    // One of them more often, so that its variables and ports are named as often as not.
    this.#pools.set("egg", [...ids(eggs.eggs), ...madeEggs, ...Array(2 * eggs.eggs.length).fill("hello-http")]);
    this.#pools.set("madeEgg", [...madeEggs, "hello-http"]);
    this.#pools.set("migration", ids([...active.migrations, ...active.migrations, ...migrations.migrations]));
    this.#pools.set("job", ids(jobs.jobs));
    this.#pools.set("alert", ids(alerts.alerts));
    // Without the one that the requests are sent with.
    const revocable = tokens.tokens.map(({ name }) => name).filter((name) => name !== "admin");
    this.#pools.set("token", revocable);
    this.#pools.set("ownToken", own.tokens);
    this.#pools.set("pageToken", ["", "", "", containers.nextPageToken]);
    // Without the one whom requests about people are sent as.
    this.#pools.set(
      "email",
      users.users.map(({ email }) => email).filter((email) => email !== own.email),
    );
    const near = [0n, 1n, 5n, 20n, 60n].map((less) => (newest > less ? newest - less : 0n));
    this.#pools.set("sequence", near);
    this.#pools.set("authority", ["", "", "", own.authority]);
    this.#pools.set("session", own.sessions);
    this.#sessions.clear();
    for (const [email, sessions] of own.sessionsOf) this.#sessions.set(email, [...sessions]);
    this.#pools.set("registry", [...new Set(registries.registries.map(({ server }) => server))]);
    this.#logins.clear();
    for (const { server, clusterName } of registries.registries) {
      this.#logins.set(server, [...(this.#logins.get(server) ?? []), clusterName]);
    }
  }

  /** The request with every reference replaced; where nothing of a kind is there, by a name that nothing has. */
  resolve(request: RequestInit): Record<string, unknown> {
    const resolved = Object.fromEntries(Object.entries(request).map(([name, value]) => [name, this.#resolved(value)]));
    // With so few variables nearly every request would name one in both of its maps, which is refused.
    for (const [plain, secret] of ENVIRONMENTS) {
      const [given, hidden] = [resolved[plain], resolved[secret]];
      if (isRecord(given) && isRecord(hidden)) for (const name of Object.keys(given)) delete hidden[name];
    }
    const [email, server] = [resolved["email"], resolved["server"]];
    // A session is looked for among those of its account, a login among those of its cluster.
    if (typeof email === "string" && request["id"] instanceof Reference) {
      const theirs = [...this.#sessions].find(([, sessions]) => sessions.length > 0);
      if (request["id"].pool === "session" && theirs) {
        resolved["email"] = theirs[0];
        resolved["id"] = theirs[1][0];
      }
    }
    if (typeof server === "string" && request["server"] instanceof Reference && request["server"].pool === "registry") {
      resolved["cluster"] = this.#logins.get(server)?.[0] ?? "";
    }
    return resolved;
  }

  #resolved(value: unknown): unknown {
    if (value instanceof Reference) {
      const things = this.#pools.get(value.pool) ?? [];
      const none = UUIDS.has(value.pool) ? NO_UUID : value.pool === "sequence" ? 0n : "nothing-has-this-name";
      return things[Math.floor(value.pick * things.length)] ?? none;
    }
    if (Array.isArray(value)) {
      if (value.every((entry) => Array.isArray(entry))) {
        return Object.fromEntries(value.map(([key, of]) => [String(this.#resolved(key)), this.#resolved(of)]));
      }
      return value.map((entry) => this.#resolved(entry));
    }
    if (value === null || typeof value !== "object") return value;
    return this.resolve(value as RequestInit);
  }
}
