import { createClient } from "@connectrpc/connect";
import { ContainerType } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import {
  AccessService,
  AlertService,
  ClusterService,
  ContainerService,
  EventService,
  JobService,
  MigrationService,
  NodeService,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { NODE_1_ID, NODE_2_ID } from "../store/test-fleet.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import type { PublicPlaneOptions } from "./start-public-plane.ts";

/** Ids that tests know: games and what is in it, and what is elsewhere. */
export const GAMES_ID = "00000000-0000-4000-8000-000000000002";
export const GAMES_NODE_ID = "00000000-0000-4000-8000-000000000021";
export const ARENA_MIGRATION_ID = "00000000-0000-4000-8000-0000000000a1";
export const SHOP_MIGRATION_ID = "00000000-0000-4000-8000-0000000000a2";
export const ARENA_JOB_ID = "00000000-0000-4000-8000-0000000000c1";
export const SHOP_JOB_ID = "00000000-0000-4000-8000-0000000000c2";
export const ARENA_ALERT_ID = "00000000-0000-4000-8000-0000000000b1";
export const SHOP_ALERT_ID = "00000000-0000-4000-8000-0000000000b2";
export const NODE_ALERT_ID = "00000000-0000-4000-8000-0000000000b3";
export const GAMES_ALERT_ID = "00000000-0000-4000-8000-0000000000b4";

/** The API as somebody calls it. */
export type Client = ReturnType<typeof clientFor>;

/**
 * The public plane over two clusters. In "games": the node "games-1" with the container "arena", which is HA. In "local": "node-1" and
 * "node-2", with the container "shop". Each container has a migration and an alert, so have node-1 and games.
 */
export type ScopedRig = {
  readonly rig: PublicPlaneRig;
  readonly admin: Client;
  readonly arenaId: string;
  readonly shopId: string;
  /** Somebody with a token that holds this: "developer@cluster=games". */
  holder(name: string, ...grants: string[]): Promise<{ readonly token: string; readonly api: Client }>;
};

/** Starts it. For tests. */
export async function startScopedRig(overrides: Partial<PublicPlaneOptions> = {}): Promise<ScopedRig> {
  const rig = await startPublicPlaneRig(overrides);
  const admin = clientFor(rig.plane.url, rig.token);
  const em = () => rig.database.database.orm.em.fork();
  await em().execute("insert into cluster (id, name, policy, created_at) values (?, 'games', ?::jsonb, now())", [
    GAMES_ID,
    JSON.stringify(LEASE_PROFILES.default),
  ]);
  await em().execute(
    `insert into node (id, name, cluster_id, status, address, runtime, cpu_millis, memory_bytes, disk_bytes, enrolled_at)
     values (?, 'games-1', ?, 'healthy', '127.0.1.9', 'exec', 4000, 8589934592, 8589934592, now())`,
    [GAMES_NODE_ID, GAMES_ID],
  );
  const made = async (name: string, preferredCluster: string): Promise<string> => {
    const environment = { GREETING: `from ${name}` };
    const request = { name, eggId: "hello-http", type: ContainerType.HA, preferredCluster, environment };
    return (await admin.containers.createContainer(request)).container?.id ?? "";
  };
  const arenaId = await made("arena", "games");
  const shopId = await made("shop", "");
  await rig.fleet.place(arenaId, GAMES_NODE_ID, 20_001);
  await rig.fleet.place(shopId, NODE_1_ID, 20_002);
  const candidate = (nodeId: string, nodeName: string) => ({
    ...{ nodeId, nodeName, droppedBy: "memory", reason: `${nodeName} is full`, score: 0, scoreTerms: {} },
  });
  const decision = {
    candidates: [candidate(NODE_1_ID, "node-1"), candidate(NODE_2_ID, "node-2"), candidate(GAMES_NODE_ID, "games-1")],
    chosenNodeId: null,
    summary: "no node can take it",
  };
  for (const [id, containerId, name, source] of [
    [ARENA_MIGRATION_ID, arenaId, "arena", GAMES_NODE_ID],
    [SHOP_MIGRATION_ID, shopId, "shop", NODE_1_ID],
  ]) {
    await em().execute(
      `insert into migration (id, container_id, container_name, source_node_id, trigger, outcome, state, started_at, decision)
       values (?, ?, ?, ?, 'manual', 'running', 'choosing', now(), ?::jsonb)`,
      [id, containerId, name, source, JSON.stringify(decision)],
    );
  }
  for (const [id, containerId, name] of [
    [ARENA_JOB_ID, arenaId, "arena"],
    [SHOP_JOB_ID, shopId, "shop"],
  ]) {
    await em().execute(
      `insert into job (id, container_id, container_name, kind, requested_by, state, error, created_at)
       values (?, ?, ?, 'migrate', 'user:ada', 'running', '', now())`,
      [id, containerId, name],
    );
  }
  for (const [id, kind, subject, subjectId] of [
    [ARENA_ALERT_ID, "container_failed", "container", arenaId],
    [SHOP_ALERT_ID, "container_failed", "container", shopId],
    [NODE_ALERT_ID, "node_dead", "node", NODE_1_ID],
    [GAMES_ALERT_ID, "n_plus_one_lost", "cluster", GAMES_ID],
  ]) {
    await em().execute(
      `insert into alert (id, kind, subject_kind, subject_id, severity, state, message, next_step, data, ends_when_acknowledged,
                          opened_at, raised_at, acknowledged_by, count)
       values (?, ?, ?, ?, 'warning', 'open', 'it is wrong', 'mend it', '{}', false, now(), now(), '', 1)`,
      [id, kind, subject, subjectId],
    );
  }
  return {
    ...{ rig, admin, arenaId, shopId },
    async holder(name, ...grants) {
      const wishes = grants.map((text) => {
        const [role = "", kind = "", named = ""] = text.split(/[@=]/);
        return { role, cluster: kind === "cluster" ? named : "", container: kind === "container" ? named : "" };
      });
      const everywhere = wishes.find(({ cluster, container }) => cluster === "" && container === "");
      const scoped = wishes.filter((wish) => wish !== everywhere);
      const { secret } = await admin.access.createToken({ name, role: everywhere?.role ?? "none", grants: scoped });
      return { token: secret, api: clientFor(rig.plane.url, secret) };
    },
  };
}

/** Every service, as the bearer of a token. */
export function clientFor(baseUrl: string, token: string) {
  const transport = bearerTransport(baseUrl, token);
  return {
    access: createClient(AccessService, transport),
    alerts: createClient(AlertService, transport),
    clusters: createClient(ClusterService, transport),
    containers: createClient(ContainerService, transport),
    events: createClient(EventService, transport),
    jobs: createClient(JobService, transport),
    migrations: createClient(MigrationService, transport),
    nodes: createClient(NodeService, transport),
  };
}
