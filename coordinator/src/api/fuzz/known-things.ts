import type { DescField } from "@bufbuild/protobuf";
import type { CallApi } from "./call-api.ts";
import { Reference, type RequestInit } from "./request-arbitrary.ts";

/** Kinds of things that a request can name. */
export type PoolName =
  | "alert"
  | "architecture"
  | "cluster"
  | "constraint"
  | "container"
  | "egg"
  | "eggFormat"
  | "eggText"
  | "email"
  | "etag"
  | "filter"
  | "hostPort"
  | "job"
  | "migration"
  | "node"
  | "order"
  | "pageToken"
  | "permission"
  | "profile"
  | "role"
  | "token"
  | "variable";

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
const FIELDS: Readonly<Record<string, PoolName>> = {
  // Of LabelConstraints and Architectures.
  all: "constraint",
  any: "architecture",
  architectures: "architecture",
  cluster: "cluster",
  constraints: "constraint",
  container: "container",
  content: "eggText",
  format: "eggFormat",
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
  includes: "role",
  node: "node",
  nodes: "node",
  order_by: "order",
  page_token: "pageToken",
  permission: "permission",
  preferred_cluster: "cluster",
  profile: "profile",
  role: "role",
  target_node: "node",
};

/** The two maps of a request, of which a name may stand in one. */
const ENVIRONMENTS = [
  ["environment", "secretEnvironment"],
  ["setEnvironment", "setSecretEnvironment"],
] as const;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of which kind of thing a text field of a service's method names one; null: of none, or of a new one. */
export function poolOf(service: string, method: string, field: DescField): PoolName | null {
  if (field.name === "id") return IDS[service] ?? null;
  if (method === "RevokeToken") return "token";
  if (field.name === "name" && ["GetRole", "UpdateRole", "DeleteRole"].includes(method)) return "role";
  return FIELDS[field.name] ?? null;
}

/** The text of a panel's egg. */
const egg = (name: string): string =>
  JSON.stringify({
    meta: { version: "PTDL_v2" },
    name,
    docker_images: { Java: "example.test/java:21" },
    startup: "java -jar {{JAR}}",
    config: {
      files: '{"a.yml":{"parser":"yaml","find":{"a.b":"c"}}}',
      startup: '{"done":"up"}',
      logs: "{}",
      stop: "^C",
    },
    scripts: { installation: { script: "true", container: "alpine:3", entrypoint: "ash" } },
    variables: [{ name: "Jar", env_variable: "JAR", default_value: "server.jar", rules: "required|string|max:20" }],
  });

/** Names and ids of what is there, as the API tells of it. */
export class KnownThings {
  readonly #pools = new Map<PoolName, readonly string[]>([
    ["permission", ["container:view", "migration:manage", "node:enrol", "no:such"]],
    ["profile", ["lan", "fast", "default", "large", "patient"]],
    ["eggFormat", ["ptdl_v1", "ptdl_v2", "plcn_v1", "plcn_v2", "plcn_v3", "lormas"]],
    ["eggText", [egg("Fuzz One"), egg("Fuzz Two"), "{}", "- a\n- b"]],
    ["variable", ["GREETING"]],
    ["constraint", ["zone!=nowhere", "zone in (east, west)", "gpu not exists", "disk=", "zone not in (a)"]],
    ["architecture", ["amd64", "x86_64", "arm64", "amd64"]],
    ["hostPort", ["http"]],
    // Most changes go by no etag; one that is none finds its thing changed.
    ["etag", ["", "", "", "", "", "", "", "stale"]],
    ["filter", ["", 'name : "a"', "container = web", "state = running AND container : w", "status != dead"]],
    ["order", ["", "name desc", "created_at", "priority desc", "name; drop table container"]],
    // Names of those who will be there: whoever is created gets one of a few.
    ["email", ["ann@example.test", "ben@example.test", "cid@example.test", "dee@example.test"]],
    ["pageToken", [""]],
  ]);

  /** Reads every list anew. */
  async refresh(call: CallApi): Promise<void> {
    const both = (things: readonly { readonly id: string; readonly name: string }[]) =>
      things.flatMap(({ id, name }) => [id, name]);
    const [nodes, clusters, containers, eggs, migrations, alerts, tokens, jobs, roles] = await Promise.all([
      call.nodes.listNodes({}),
      call.clusters.listClusters({}),
      call.containers.listContainers({}),
      call.eggs.listEggs({}),
      call.migrations.listMigrations({ pageSize: 20 }),
      call.alerts.listAlerts({ includeResolved: true, pageSize: 20 }),
      call.access.listTokens({}),
      call.jobs.listJobs({ pageSize: 20 }),
      call.access.listRoles({}),
    ]);
    this.#pools.set("role", [...roles.roles.map(({ name }) => name), "none"]);
    this.#pools.set("node", both(nodes.nodes));
    this.#pools.set("cluster", both(clusters.clusters));
    this.#pools.set("container", both(containers.containers));
    // One of them more often, so that its variables and ports are named as often as not.
    this.#pools.set("egg", [...eggs.eggs.map(({ id }) => id), ...Array(eggs.eggs.length).fill("hello-http")]);
    this.#pools.set(
      "migration",
      migrations.migrations.map(({ id }) => id),
    );
    this.#pools.set(
      "job",
      jobs.jobs.map(({ id }) => id),
    );
    this.#pools.set(
      "alert",
      alerts.alerts.map(({ id }) => id),
    );
    // Without the one that the requests are sent with.
    this.#pools.set(
      "token",
      tokens.tokens.map(({ name }) => name).filter((name) => name !== "admin"),
    );
    this.#pools.set("pageToken", ["", containers.nextPageToken]);
  }

  /** The request with every reference replaced; where nothing of a kind is there, by a name that nothing has. */
  resolve(request: RequestInit): Record<string, unknown> {
    const resolved = Object.fromEntries(Object.entries(request).map(([name, value]) => [name, this.#resolved(value)]));
    // With so few variables nearly every request would name one in both of its maps, which is refused.
    for (const [plain, secret] of ENVIRONMENTS) {
      const [given, hidden] = [resolved[plain], resolved[secret]];
      if (isRecord(given) && isRecord(hidden)) for (const name of Object.keys(given)) delete hidden[name];
    }
    return resolved;
  }

  #resolved(value: unknown): unknown {
    if (value instanceof Reference) {
      const things = this.#pools.get(value.pool) ?? [];
      return things[Math.floor(value.pick * things.length)] ?? "nothing-has-this-name";
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
