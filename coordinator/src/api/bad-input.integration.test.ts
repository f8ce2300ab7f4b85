import net from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NODE_1_ID, NODE_2_ID } from "../store/test-fleet.ts";
import { codeOf } from "./api-error.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
  await rest("POST", "/containers", { name: "taken", eggId: "hello-http" });
});
afterAll(() => rig.close());

const call = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(rig.plane.url + path, {
    ...init,
    headers: { "content-type": "application/json", authorization: `Bearer ${rig.token}`, ...init.headers },
  });

const rest = (method: string, path: string, body?: unknown): Promise<Response> =>
  call(`/api/v1${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

const create = (body: Record<string, unknown>): Promise<Response> =>
  rest("POST", "/containers", { name: "fresh", eggId: "hello-http", ...body });

const ID = "11111111-1111-4111-8111-111111111111";
const huge = "18446744073709551615";

test.each<[string, () => Promise<Response>, number, string, string]>([
  ["an unknown egg", () => create({ eggId: "nope" }), 404, "unknown_egg", "egg_id"],
  ["an egg id with control characters", () => create({ eggId: "a\u0000b" }), 404, "unknown_egg", "egg_id"],
  ["a name that is taken", () => create({ name: "taken" }), 409, "name_taken", "name"],
  ["a name against the rule", () => create({ name: "Not a name!" }), 400, "invalid_argument", "name"],
  ["an unknown cluster", () => create({ preferredCluster: "x" }), 404, "unknown_cluster", "preferred_cluster"],
  [
    "absurd memory",
    () => create({ resources: { memoryBytes: huge } }),
    400,
    "resources_out_of_range",
    "resources.memory_bytes",
  ],
  [
    "absurd cpu",
    () => create({ resources: { cpuMillis: 4_000_000_000 } }),
    400,
    "resources_out_of_range",
    "resources.cpu_millis",
  ],
  ["an unknown variable", () => create({ environment: { NOPE: "1" } }), 400, "invalid_argument", "environment.NOPE"],
  ["an unknown port", () => create({ hostPorts: { nope: 80 } }), 400, "invalid_argument", "host_ports.nope"],
  [
    "a port that is no port",
    () => create({ hostPorts: { http: 70_000 } }),
    400,
    "invalid_argument",
    'host_ports["http"]',
  ],
  ["a field that does not exist", () => create({ colour: "red" }), 400, "invalid_argument", "colour"],
  [
    "a body that is no JSON",
    () => call("/api/v1/containers", { method: "POST", body: "{" }),
    400,
    "invalid_argument",
    "",
  ],
  ["a container that is not there", () => rest("GET", `/containers/${ID}`), 404, "not_found", "id"],
  ["a name with a NUL", () => rest("GET", "/containers/a%00b"), 404, "not_found", "id"],
  ["a malformed migration id", () => rest("GET", "/migrations/not-an-id"), 400, "invalid_argument", "id"],
  ["a foreign page token", () => rest("GET", "/nodes?pageToken=AAAA"), 400, "invalid_argument", "page_token"],
  ["a page that is too large", () => rest("GET", "/nodes?pageSize=1001"), 400, "invalid_argument", "page_size"],
  ["a node that is not there", () => rest("GET", "/containers?node=nowhere"), 404, "unknown_node", "node"],
  ["moving what does not move", () => rest("POST", "/containers/taken/migrate", {}), 409, "not_ha", ""],
  ["restarting what does not run", () => rest("POST", "/containers/taken/restart", {}), 409, "not_running", ""],
])("%s is refused, the field named, nothing changed", async (_what, send, status, code, field) => {
  const before = await rig.fleet.counts();
  const answer = await send();
  const body = (await answer.json()) as { error: { code: string; field: string; nextStep: string; message: string } };
  expect([answer.status, body.error.code, body.error.field]).toEqual([status, code, field]);
  expect(body.error.message.length).toBeGreaterThan(5);
  expect(body.error.nextStep.length).toBeGreaterThan(5);
  expect(await rig.fleet.counts()).toEqual(before);
});

test("a host port that every node has given away is refused", async () => {
  for (const nodeId of [NODE_1_ID, NODE_2_ID]) await rig.fleet.reservePort(nodeId, ID, 8_181);
  const answer = await create({ hostPorts: { http: 8_181 } });
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({ error: { code: "port_taken", field: "host_ports.http" } });
});

test("a page token of one list is refused by another", async () => {
  const nodes = (await (await rest("GET", "/nodes?pageSize=1")).json()) as { nextPageToken: string };
  expect(nodes.nextPageToken).not.toBe("");
  const next = await rest("GET", `/nodes?pageSize=1&pageToken=${nodes.nextPageToken}`);
  expect(await next.json()).toMatchObject({ nodes: [{ name: "node-2" }], nextPageToken: "" });
  const other = await rest("GET", `/containers?pageToken=${nodes.nextPageToken}`);
  expect(await other.json()).toMatchObject({ error: { code: "invalid_argument", field: "page_token" } });
});

test("an unknown JSON field is refused over Connect too, with the detail that all errors have", async () => {
  const answer = await call("/lormas.api.v1.ContainerService/GetContainer", {
    method: "POST",
    body: JSON.stringify({ id: "taken", colour: "red" }),
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("colour"),
    details: [{ type: "lormas.api.v1.ErrorDetail" }],
  });
});

test("a body that is too large is refused by every protocol", async () => {
  const value = "x".repeat(2 * 1024 * 1024);
  const byRest = await create({ environment: { MESSAGE: value } }).catch(() => null);
  expect(byRest === null || byRest.status === 413).toBe(true);
  const client = createClient(ContainerService, createGrpcTransport({ baseUrl: rig.plane.url }));
  const byGrpc = await client
    .createContainer(
      { name: "large", eggId: "hello-http", environment: { MESSAGE: value } },
      { headers: { authorization: `Bearer ${rig.token}` } },
    )
    .then(() => null, ConnectError.from);
  expect(byGrpc?.code).toBe(Code.ResourceExhausted);
  expect(codeOf(byGrpc!)).toBe("body_too_large");
  expect(byGrpc?.findDetails(ErrorDetailSchema)).toHaveLength(1);
});

test("bytes that are no protobuf message are the sender's fault, not an internal error", async () => {
  const path = "/lormas.api.v1.ContainerService/GetContainer";
  const init = { method: "POST", body: Buffer.from([255, 255]) };
  const answer = await call(path, { ...init, headers: { "content-type": "application/proto" } });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    code: "invalid_argument",
    details: [{ type: "lormas.api.v1.ErrorDetail" }],
  });
});

test("a content type that is neither JSON nor protobuf is not read", async () => {
  const path = "/lormas.api.v1.ContainerService/GetContainer";
  const answer = await call(path, { method: "POST", body: "id=taken", headers: { "content-type": "text/plain" } });
  expect(answer.status).toBe(415);
});

test("an unknown method is UNIMPLEMENTED to gRPC clients", async () => {
  const answer = await call("/lormas.api.v1.NoService/Nothing", {
    method: "POST",
    body: "",
    headers: { "content-type": "application/grpc" },
  });
  expect(answer.headers.get("grpc-status")).toBe("12");
});

/** Writes bytes to the port and resolves with what comes back once the connection is closed. */
function raw(bytes: Buffer | string): Promise<string> {
  const { hostname, port } = new URL(rig.plane.url);
  return new Promise((resolve) => {
    let back = "";
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      back += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(back));
  });
}

test.each([
  ["headers that are too large", `GET / HTTP/1.1\r\nx: ${"y".repeat(17_000)}\r\n\r\n`, 431, "headers_too_large"],
  ["a verb that is none", "HELLO\r\n\r\n", 400, "malformed_request"],
])("%s get an answer that says why and what to do", async (_what, bytes, status, code) => {
  const back = await raw(bytes);
  expect(back).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  const { error } = JSON.parse(back.slice(back.indexOf("\r\n\r\n") + 4));
  expect(error).toMatchObject({ code, message: expect.stringMatching(/./), nextStep: expect.stringMatching(/./) });
});

test.each([
  ["random bytes", Buffer.from([0, 1, 2, 3, 255, 254])],
  ["a TLS hello", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])],
  ["half a preface and nonsense", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
  ["a verb that is none", "HELLO\r\n\r\n"],
  ["a header that never ends", `GET / HTTP/1.1\r\nx: ${"y".repeat(40_000)}\r\n\r\n`],
  ["two lengths that disagree", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"],
  [
    "a host that is no host",
    "GET /lormas.api.v1.NodeService/ListNodes HTTP/1.1\r\nhost: %%%\r\nconnection: close\r\n\r\n",
  ],
])("garbage on the port (%s) closes that connection and nothing else", async (_what, bytes) => {
  const back = await raw(bytes);
  expect(back.startsWith("HTTP/1.1 2")).toBe(false);
  expect((await fetch(`${rig.plane.url}/health/live`)).status).toBe(200);
});
