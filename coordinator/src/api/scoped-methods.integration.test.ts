import { create, type DescMethod, type DescMethodStreaming, type DescMethodUnary, fromJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { file_lormas_api_v1_services } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeOf } from "../permissions/method-rules.ts";
import { CLUSTER_ID, NODE_1_ID, NODE_2_ID } from "../store/test-fleet.ts";
import { buildRouteTable } from "./rest/route-table.ts";
import {
  ARENA_ALERT_ID,
  ARENA_JOB_ID,
  ARENA_MIGRATION_ID,
  type ScopedRig,
  SHOP_ALERT_ID,
  SHOP_JOB_ID,
  SHOP_MIGRATION_ID,
  startScopedRig,
} from "./scoped-rig.ts";

let scoped: ScopedRig;
/** A developer in the cluster games, and a viewer for the container arena, which is there. */
let developer = "";
let viewer = "";

beforeAll(async () => {
  scoped = await startScopedRig();
  developer = (await scoped.holder("games-developer", "developer@cluster=games")).token;
  viewer = (await scoped.holder("arena-viewer", "viewer@container=arena")).token;
});
afterAll(() => scoped.rig.close());

/** yes: let in, whatever comes then; no: permission_denied; hidden: told that it is not there. */
type Outcome = "yes" | "no" | "hidden";

/**
 * Every method, for a developer in games within games and outside, then for a viewer of arena with arena (or what is there: its
 * migration, its alert, its node, its cluster) and outside. Written by hand.
 */
const TABLE: Readonly<Record<string, string>> = {
  ListNodes: "yes yes, yes yes",
  GetNode: "yes hidden, hidden hidden",
  CreateJoinToken: "no no, no no",
  UpdateNode: "no no, no no",
  CordonNode: "no no, no no",
  UncordonNode: "no no, no no",
  DrainNode: "no no, no no",
  StartMaintenance: "no no, no no",
  EndMaintenance: "no no, no no",
  RevokeNode: "no no, no no",
  RemoveNode: "no no, no no",
  ApproveNode: "no no, no no",
  DenyNode: "no no, no no",
  WhatIf: "yes hidden, hidden hidden",
  ListAlerts: "yes yes, yes yes",
  GetAlert: "yes hidden, yes hidden",
  AcknowledgeAlert: "no no, no no",
  ListClusters: "yes yes, yes yes",
  GetCluster: "yes hidden, hidden hidden",
  ListProfiles: "yes yes, yes yes",
  CreateCluster: "no no, no no",
  UpdateCluster: "no no, no no",
  DeleteCluster: "no no, no no",
  OverrideSuspension: "no no, no no",
  ListEggs: "yes yes, yes yes",
  ListEggCategories: "yes yes, yes yes",
  CreateEgg: "no no, no no",
  UpdateEgg: "no no, no no",
  GetEgg: "yes yes, yes yes",
  ExportEgg: "yes yes, no no",
  ImportEgg: "no no, no no",
  DeleteEgg: "no no, no no",
  CreateContainer: "yes hidden, no no",
  ListContainers: "yes yes, yes yes",
  GetContainer: "yes hidden, yes hidden",
  StartContainer: "yes hidden, no no",
  StopContainer: "yes hidden, no no",
  KillContainer: "yes hidden, no no",
  SuspendContainer: "no no, no no",
  UnsuspendContainer: "no no, no no",
  RestartContainer: "yes hidden, no no",
  ReinstallContainer: "yes hidden, no no",
  UpdateContainer: "yes hidden, no no",
  DeleteContainer: "yes hidden, no no",
  PreviewMigration: "no no, no no",
  MigrateContainer: "no no, no no",
  ListMigrationHistory: "yes hidden, yes hidden",
  StreamLogs: "yes hidden, no no",
  SendConsoleInput: "yes hidden, no no",
  StreamTerminal: "yes hidden, no no",
  ResizeTerminal: "yes hidden, no no",
  ListUsage: "yes hidden, yes hidden",
  StreamUsage: "yes hidden, yes hidden",
  ListMigrations: "yes yes, yes yes",
  GetMigration: "yes hidden, yes hidden",
  CancelMigration: "no no, no no",
  ListJobs: "yes yes, yes yes",
  GetJob: "yes hidden, yes hidden",
  ListEvents: "yes yes, yes yes",
  Watch: "yes yes, yes yes",
  // From this machine it is open to everybody.
  GetHealth: "yes yes, yes yes",
  WhoAmI: "yes yes, yes yes",
  CanI: "yes yes, yes yes",
  ListRoles: "yes yes, yes yes",
  GetRole: "yes yes, yes yes",
  CreateRole: "no no, no no",
  UpdateRole: "no no, no no",
  DeleteRole: "no no, no no",
  ListTokens: "no no, no no",
  CreateToken: "no no, no no",
  RevokeToken: "no no, no no",
  ListUsers: "no no, no no",
  ListQuotas: "no no, no no",
  SetUserQuota: "no no, no no",
  RemoveUserQuota: "no no, no no",
  SetClusterQuota: "no no, no no",
  RemoveClusterQuota: "no no, no no",
  GetAuthority: "no no, no no",
  RotateAuthority: "no no, no no",
  LeaveNodesBehind: "no no, no no",
  ListRegistries: "no no, no no",
  SetRegistry: "no no, no no",
  RemoveRegistry: "no no, no no",
  TestRegistry: "no no, no no",
  GetUser: "no no, no no",
  CreateUser: "no no, no no",
  UpdateUser: "no no, no no",
  GrantRole: "no no, no no",
  UngrantRole: "no no, no no",
  ResetPassword: "no no, no no",
  EndSessions: "no no, no no",
  DeleteUser: "no no, no no",
  ListUserSessions: "no no, no no",
  EndUserSession: "no no, no no",
  RemoveTwoFactor: "no no, no no",
  GetProfile: "yes yes, yes yes",
  UpdateProfile: "yes yes, yes yes",
  ListOwnSessions: "yes yes, yes yes",
  EndOwnSession: "yes yes, yes yes",
  EndOtherSessions: "yes yes, yes yes",
  ListOwnTokens: "yes yes, yes yes",
  RevokeOwnToken: "yes yes, yes yes",
  ListAuditEntries: "no no, no no",
  ExportAuditEntries: "no no, no no",
};

const everyMethod: DescMethod[] = file_lormas_api_v1_services.services.flatMap((service) => service.methods);

const THINGS = {
  node: { inside: "games-1", outside: "node-1", missing: "node-9" },
  cluster: { inside: "games", outside: "local", missing: "casino" },
  container: { inside: "arena", outside: "shop", missing: "nook" },
  migration: { inside: ARENA_MIGRATION_ID, outside: SHOP_MIGRATION_ID, missing: ARENA_ALERT_ID },
  alert: { inside: ARENA_ALERT_ID, outside: SHOP_ALERT_ID, missing: ARENA_MIGRATION_ID },
} as const;
/** Found inside the method, so of no kind that has a rule of its own. */
const JOBS = { inside: ARENA_JOB_ID, outside: SHOP_JOB_ID, missing: ARENA_ALERT_ID } as const;
type Which = keyof (typeof THINGS)["node"];

/** What a request must have beside the thing that it is about. */
function besides({ name }: DescMethod, which: Which) {
  if (name === "OverrideSuspension") return { nodes: [THINGS.node[which]], reason: "off" };
  return name === "ResizeTerminal" ? { rows: 24, columns: 80 } : {};
}

/** A request that is well formed, about something inside, outside or missing. */
function requestOf(method: DescMethod, which: Which) {
  const place = placeOf(method);
  if (typeof place !== "string") {
    return { [place.field]: THINGS[place.kind][which], ...besides(method, which) };
  }
  switch (method.name) {
    case "WhatIf":
      return { node: THINGS.node[which] };
    case "CreateContainer":
      return { name: "made", eggId: "no-such-egg", preferredCluster: THINGS.cluster[which] };
    case "StreamLogs":
    case "StreamTerminal":
    case "StreamUsage":
      return { id: THINGS.container[which] };
    case "GetJob":
      return { id: JOBS[which] };
    case "CanI":
      return { permission: "egg:view" };
    case "GetRole":
      return { name: "viewer" };
    case "GetEgg":
    case "ExportEgg":
    case "DeleteEgg":
      return { id: "hello-http" };
    default:
      return {};
  }
}

/** The refusal of a call; null when it was let in and answered. */
async function refusal(method: DescMethod, which: Which, token: string): Promise<ConnectError | null> {
  const grpc = createGrpcTransport({ baseUrl: scoped.rig.plane.url });
  const headers = { authorization: `Bearer ${token}` };
  const message = fromJson(method.input, requestOf(method, which));
  const abort = new AbortController();
  try {
    if (method.methodKind === "unary") {
      await grpc.unary(method as DescMethodUnary, undefined, undefined, headers, message);
      return null;
    }
    const stream = method as DescMethodStreaming;
    const input = (async function* () {
      yield create(stream.input, message);
    })();
    const answer = await grpc.stream(stream, abort.signal, undefined, headers, input);
    await answer.message[Symbol.asyncIterator]().next();
    return null;
  } catch (error) {
    return ConnectError.from(error);
  } finally {
    abort.abort();
  }
}

function outcome(method: DescMethod, refused: ConnectError | null): Outcome {
  const code = refused?.findDetails(ErrorDetailSchema)[0]?.code;
  if (refused?.code === Code.PermissionDenied) return "no";
  const hides = method.name === "CreateContainer" ? ["unknown_cluster"] : ["not_found"];
  return code !== undefined && hides.includes(code) ? "hidden" : "yes";
}

test("what cannot be seen is answered to the letter as what is not there", async () => {
  for (const method of everyMethod) {
    for (const token of [developer, viewer]) {
      const [outside, missing] = [await refusal(method, "outside", token), await refusal(method, "missing", token)];
      const said = (error: ConnectError | null) => {
        const detail = error?.findDetails(ErrorDetailSchema)[0];
        const text = JSON.stringify([error?.code, error?.rawMessage, detail?.code, detail?.field, detail?.nextStep]);
        return [...Object.values(THINGS), JOBS].reduce(
          (all, { outside: one, missing: other }) => all.replaceAll(one, "X").replaceAll(other, "X"),
          text,
        );
      };
      expect([method.name, said(outside)]).toEqual([method.name, said(missing)]);
    }
  }
});

test("whatever REST lets them read, with every object of theirs named, tells nothing of what is elsewhere", async () => {
  // Names of nodes may be told, by design; not their ids, and nothing of anything else.
  const secrets = [
    "shop",
    scoped.shopId,
    SHOP_MIGRATION_ID,
    SHOP_JOB_ID,
    SHOP_ALERT_ID,
    NODE_1_ID,
    NODE_2_ID,
    CLUSTER_ID,
  ];
  const { routes } = buildRouteTable(file_lormas_api_v1_services.services);
  const asked: string[] = [];
  for (const route of routes.filter(({ verb, method }) => verb === "GET" && method.name !== "GetHealth")) {
    const request = requestOf(route.method, "inside") as Record<string, string>;
    const path = route.segments.map((one) => (one.kind === "literal" ? one.text : request[one.field])).join("/");
    for (const token of [developer, viewer]) {
      const answer = await fetch(`${scoped.rig.plane.url}/${path}`, { headers: { authorization: `Bearer ${token}` } });
      const text = await answer.text();
      if (answer.status === 200) asked.push(route.method.name);
      expect([path, secrets.filter((secret) => text.includes(secret))]).toEqual([path, []]);
    }
  }
  for (const name of [
    "ListContainers",
    "GetContainer",
    "ListMigrations",
    "GetMigration",
    "ListEvents",
    "ListAlerts",
    "ListJobs",
  ]) {
    expect(asked.filter((one) => one === name)).toHaveLength(2);
  }
});

test("every method lets a developer of one cluster and a viewer of one container in where the table says", async () => {
  expect(Object.keys(TABLE).sort()).toEqual(everyMethod.map(({ name }) => name).sort());
  for (const name of Object.keys(TABLE)) {
    const method = everyMethod.find((one) => one.name === name) ?? expect.fail(name);
    const of = async (token: string) =>
      `${outcome(method, await refusal(method, "inside", token))} ${outcome(method, await refusal(method, "outside", token))}`;
    expect(`${name}: ${await of(developer)}, ${await of(viewer)}`).toBe(`${name}: ${TABLE[name]}`);
  }
}, 60_000);
