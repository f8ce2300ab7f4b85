import net from "node:net";
import tls from "node:tls";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ContainerType, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService, MigrationService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../lab/src/until.ts";
import { Fleet } from "./fleet/fleet.ts";

const FIXED_PORT = 20_777;
let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  // Each of the three nodes gives its port away once.
  for (const name of ["taken-1", "taken-2", "taken-3"])
    await fleet.createRunning(name, { hostPorts: { http: FIXED_PORT } });
});
afterAll(() => fleet?.dispose());

const signIn: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${fleet.token}`);
  return next(request);
};

/** What the fleet holds, to see that a refusal has left no trace in it. */
/** All that a refused wish could have changed; what the coordinator notes of the fleet by itself meanwhile is no part of it. */
async function everything(): Promise<unknown> {
  const { body } = await fleet.rest().get("/api/v1/containers");
  // REST answers objects here whenever it answers 200.
  const containers = (body["containers"] as Record<string, unknown>[]).map(({ asOf: _asOf, ...rest }) => rest);
  const { events } = await fleet.api().events.listEvents({ pageSize: 100 });
  const ofContainers = events
    .filter(({ type }) => /^(container|migration)\./.test(type))
    .map(({ sequence }) => sequence);
  const nodes = (await fleet.api().nodes.listNodes({})).nodes.map(({ name, allocated }) => [name, allocated]);
  return { containers, ofContainers, nodes };
}

const HTTP_OF: Partial<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.FailedPrecondition]: 409,
};

type Fields = {
  readonly name?: string;
  readonly eggId?: string;
  readonly preferredCluster?: string;
  readonly resources?: { readonly memoryBytes?: bigint; readonly cpuMillis?: number };
  readonly environment?: Record<string, string>;
  readonly hostPorts?: Record<string, number>;
};

test.each<[string, Fields, Code, string, string]>([
  ["an unknown egg", { eggId: "no-such-egg" }, Code.NotFound, "unknown_egg", "egg_id"],
  [
    "absurd memory",
    { resources: { memoryBytes: 2n ** 63n } },
    Code.InvalidArgument,
    "resources_out_of_range",
    "resources.memory_bytes",
  ],
  [
    "absurd cpu",
    { resources: { cpuMillis: 4_000_000_000 } },
    Code.InvalidArgument,
    "resources_out_of_range",
    "resources.cpu_millis",
  ],
  [
    "a host port that no node has free",
    { hostPorts: { http: FIXED_PORT } },
    Code.FailedPrecondition,
    "port_taken",
    "host_ports.http",
  ],
  ["a name that is taken", { name: "taken-1" }, Code.AlreadyExists, "name_taken", "name"],
  ["a malformed name", { name: "Not A Name" }, Code.InvalidArgument, "invalid_argument", "name"],
  ["an unknown cluster", { preferredCluster: "atlantis" }, Code.NotFound, "unknown_cluster", "preferred_cluster"],
  ["an unknown variable", { environment: { NOPE: "1" } }, Code.InvalidArgument, "invalid_argument", "environment.NOPE"],
])(
  "%s is refused alike over REST, Connect and gRPC, the field named, nothing half done",
  async (_what, fields, code, reason, field) => {
    const before = await everything();
    const request = { name: "fresh", eggId: "hello-http", type: ContainerType.HA, ...fields };
    const json = JSON.stringify(request, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    const byRest = await fleet.rest().send("POST", "/api/v1/containers", json);
    expect(byRest.status).toBe(HTTP_OF[code]);
    expect(byRest.body).toMatchObject({
      error: {
        code: reason,
        field,
        message: expect.stringMatching(/.{10,}/),
        nextStep: expect.stringMatching(/.{10,}/),
      },
    });
    for (const transport of [
      createConnectTransport({ baseUrl: fleet.httpUrl, httpVersion: "1.1", interceptors: [signIn] }),
      createGrpcTransport({ baseUrl: fleet.httpUrl, interceptors: [signIn] }),
    ]) {
      const error = await createClient(ContainerService, transport)
        .createContainer(request)
        .then(() => undefined, ConnectError.from);
      expect(error?.code).toBe(code);
      const [detail] = error?.findDetails(ErrorDetailSchema) ?? [];
      expect(detail).toMatchObject({ code: reason, field });
    }
    expect(await everything()).toEqual(before);
  },
);

test.each<[string, string, string, string | undefined, number, string]>([
  ["a malformed id", "GET", "/api/v1/migrations/not-an-id", undefined, 400, "invalid_argument"],
  ["an id of nothing", "GET", "/api/v1/migrations/11111111-1111-4111-8111-111111111111", undefined, 404, "not_found"],
  [
    "an unknown field",
    "POST",
    "/api/v1/containers",
    '{"name":"fresh","egg_id":"hello-http","colour":"red"}',
    400,
    "invalid_argument",
  ],
  ["a body that is no JSON", "POST", "/api/v1/containers", '{"name":', 400, "invalid_argument"],
  ["an unknown target", "POST", "/api/v1/containers/taken-1/migrate", '{"targetNode":"node-99"}', 404, "unknown_node"],
  ["an unknown path", "GET", "/api/v1/nonsense", undefined, 404, "unknown_path"],
  ["a verb that the path does not have", "DELETE", "/api/v1/nodes", undefined, 405, "method_not_allowed"],
])("%s is refused over REST and changes nothing", async (_what, method, path, body, status, code) => {
  const before = await everything();
  const answer = await fleet.rest().send(method, path, body);
  expect([answer.status, answer.body]).toMatchObject([status, { error: { code } }]);
  expect(await everything()).toEqual(before);
});

test("a body of two megabytes is not read to its end, and nobody else notices", async () => {
  const before = await everything();
  const body = JSON.stringify({ name: "fresh", eggId: "hello-http", environment: { GREETING: "x".repeat(2_000_000) } });
  const answer = await fleet
    .rest()
    .send("POST", "/api/v1/containers", body)
    .catch(() => undefined);
  if (answer !== undefined)
    expect([answer.status, answer.body]).toMatchObject([413, { error: { code: "body_too_large" } }]);
  const grpc = createClient(ContainerService, createGrpcTransport({ baseUrl: fleet.httpUrl, interceptors: [signIn] }));
  const error = await grpc
    .createContainer({ name: "fresh", eggId: "hello-http", environment: { GREETING: "x".repeat(2_000_000) } })
    .then(() => undefined, ConnectError.from);
  expect(error?.code).toBe(Code.ResourceExhausted);
  expect(await everything()).toEqual(before);
});

test("who is not signed in, or with a wrong token, is refused by every protocol", async () => {
  for (const authorization of ["", "Bearer wrong", `Basic ${fleet.token}`]) {
    const answer = await fleet.rest().send("GET", "/api/v1/containers", undefined, { authorization });
    expect([answer.status, answer.body]).toMatchObject([401, { error: { code: "unauthenticated" } }]);
  }
  const stranger = createClient(MigrationService, createGrpcTransport({ baseUrl: fleet.httpUrl }));
  const error = await stranger.listMigrations({}).then(() => undefined, ConnectError.from);
  expect(error?.code).toBe(Code.Unauthenticated);
});

/** Writes bytes to a port; resolves with what came back once the other side has closed the connection. */
async function closes(port: number, bytes: Buffer | string, secure: boolean): Promise<string> {
  let back = "";
  let closed = false;
  const socket = secure
    ? tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] })
    : net.connect(port, "127.0.0.1");
  socket.once(secure ? "secureConnect" : "connect", () => socket.write(bytes));
  socket.on("data", (chunk: Buffer) => (back += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  socket.once("close", () => (closed = true));
  try {
    await until("the connection is closed", 30_000, () => closed);
  } finally {
    socket.destroy();
  }
  return back;
}

const GARBAGE: readonly [string, Buffer | string][] = [
  ["random bytes", Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167 + 13) % 256))],
  ["a TLS hello cut short", Buffer.from([0x16, 0x03, 0x01, 0x00, 0x02, 0x01, 0x00])],
  ["an HTTP/2 preface and nonsense", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\xff".repeat(64)}`],
  ["a verb that is none", "HELLO WORLD\r\n\r\n"],
];

test.each(GARBAGE)("%s on either port: the connection is closed, nothing else happens", async (_what, bytes) => {
  const pid = await fleet.childPid("coordinator");
  const httpPort = Number(new URL(fleet.httpUrl).port);
  const agentPort = Number(fleet.agentAddress.split(":").at(-1));
  await closes(httpPort, bytes, false);
  await closes(agentPort, bytes, false);
  await closes(agentPort, bytes, true);
  expect(await fleet.childPid("coordinator")).toBe(pid);
  expect((await fleet.rest().get("/api/v1/health")).body).toMatchObject({ status: "ok" });
});
