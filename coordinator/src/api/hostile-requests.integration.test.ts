import { existsSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import { REQUEST_ARRIVES_MS_MAX } from "./request-dispatch.ts";

const BUILT_DASHBOARD = fileURLToPath(new URL("../../../ui/build/handler.js", import.meta.url));
const RPC = "/lormas.api.v1.ContainerService/GetContainer";

/** What is over when the time of a request that has not arrived is: called by the test instead of waited for. */
const timesUp = new Set<() => void>();
const clock: Clock = {
  bootMs: () => systemClock.bootMs(),
  wallMs: () => systemClock.wallMs(),
  schedule: (delayMs, callback) => {
    if (delayMs !== REQUEST_ARRIVES_MS_MAX) return systemClock.schedule(delayMs, callback);
    timesUp.add(callback);
    return () => timesUp.delete(callback);
  },
};

let rig: PublicPlaneRig;
beforeAll(async () => {
  const dashboard = existsSync(BUILT_DASHBOARD) ? { dashboardHandler: BUILT_DASHBOARD } : {};
  rig = await startPublicPlaneRig({ clock, ...dashboard });
});
afterAll(() => rig?.close());

const authorization = () => `Bearer ${rig.token}`;
const alive = async () => (await fetch(`${rig.plane.url}/health/live`)).status;

/** A connection to the port: what came back so far, and its end. */
function connection(bytes: string) {
  const { hostname, port } = new URL(rig.plane.url);
  const read = { text: "" };
  const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
  socket.on("data", (chunk) => {
    read.text += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  return { socket, read, closed: new Promise<string>((resolve) => socket.on("close", () => resolve(read.text))) };
}

test.each([
  "/../../../../../../../../etc/passwd",
  "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
  "/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
  "/_app/immutable/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
  "/..\\..\\..\\..\\..\\..\\etc\\passwd",
  "//etc/passwd",
  "/_app/..%2f..%2fpackage.json",
  "/api/v1/containers/../../../../../../etc/passwd",
  "/api/v1/containers/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
  "/health/../../../../../../../etc/passwd",
])("path traversal: %s reads no file", async (path) => {
  // A client library would resolve the dots before it sends them.
  const { closed } = connection(
    `GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization()}\r\nconnection: close\r\n\r\n`,
  );
  const answer = await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 (?!2)\d{3} /);
  expect(answer).not.toMatch(/root:|"workspaces"|"devDependencies"/);
});

const HIDDEN = "GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
test.each([
  ["a length beside chunks", `content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  [
    "chunks beside a length",
    `transfer-encoding: chunked\r\ncontent-length: ${HIDDEN.length}\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ["two lengths", `content-length: 0\r\ncontent-length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ["a list of lengths", `content-length: 0, ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
  ["a length that is no number", `content-length: +0\r\n\r\n${HIDDEN}`],
  ["an encoding behind chunked", `transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ["a blank before the colon", `transfer-encoding : chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ["a folded header", `x: y\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n${HIDDEN}`],
  ["a carriage return alone", `x: y\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ["a chunk's size that ends in a line feed alone", `transfer-encoding: chunked\r\n\r\n0\n\r\n${HIDDEN}`],
])("header smuggling: behind %s no second request is answered", async (_what, rest) => {
  const { closed } = connection(`POST /api/v1/containers HTTP/1.1\r\nhost: localhost\r\n${rest}`);
  const answer = await closed;
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer.split("HTTP/1.1 ")).toHaveLength(2);
});

test("header smuggling: what a caller calls its request breaks no line of the answer", async () => {
  const session = http2.connect(rig.plane.url);
  const request = session.request({ ":path": "/health/live", "x-request-id": "12345678\tx: y" });
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => request.on("response", resolve));
  session.destroy();
  expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{16}$/);
});

test.each([
  ["REST", "/api/v1/containers", "application/json"],
  ["Connect", RPC, "application/json"],
  ["gRPC-Web", RPC, "application/grpc-web+proto"],
  ["a sign-in", "/api/auth/sign-in/email", "application/json"],
])("a slow body over HTTP/1.1 (%s) is given up when its time is over", async (_what, path, type) => {
  timesUp.clear();
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization()}\r\n`;
  const { closed } = connection(`${head}content-type: ${type}\r\ncontent-length: 1000\r\n\r\n{`);
  await expect.poll(() => timesUp.size).toBe(1);
  for (const isUp of timesUp) isUp();
  await closed;
  expect(await alive()).toBe(200);
});

test.each([
  ["REST", "/api/v1/containers", "application/json"],
  ["Connect", RPC, "application/json"],
  ["gRPC", RPC, "application/grpc"],
  ["a sign-in", "/api/auth/sign-in/email", "application/json"],
])(
  "a slow body over HTTP/2 (%s) is given up when its time is over, and others of its connection go on",
  async (_what, path, type) => {
    timesUp.clear();
    const session = http2.connect(rig.plane.url);
    session.on("error", () => {});
    const slow = session.request({
      ...{ ":method": "POST", ":path": path, "content-type": type, authorization: authorization() },
    });
    slow.on("error", () => {});
    slow.write("{");
    await expect.poll(() => timesUp.size).toBe(1);
    for (const isUp of timesUp) isUp();
    await new Promise<void>((resolve) => slow.on("close", () => resolve()));
    const other = session.request({ ":path": "/health/live" });
    const status = await new Promise((resolve) => other.on("response", (headers) => resolve(headers[":status"])));
    session.destroy();
    expect(status).toBe(200);
  },
);

test("HTTP/2 rapid reset: a connection that takes back its requests by the thousand is ended, and nobody else notices", async () => {
  const session = http2.connect(rig.plane.url);
  session.on("error", () => {});
  const ended = new Promise<void>((resolve) => session.on("close", () => resolve()));
  const flood = (): void => {
    for (let one = 0; one < 100; one += 1) {
      if (session.closed || session.destroyed) return;
      const request = session.request({ ":path": "/api/v1/containers", authorization: authorization() });
      request.on("error", () => {});
      request.close(http2.constants.NGHTTP2_CANCEL);
    }
    setImmediate(flood);
  };
  session.once("connect", flood);
  await ended;
  expect(await alive()).toBe(200);
}, 20_000);

const MIB = 1024 * 1024;
const deep = (depth: number) => `${'{"resources":'.repeat(depth)}1${"}".repeat(depth)}`;
const JSON_BOMBS: [string, string][] = [
  ["nested as deep as a body can be", deep(MIB / 16)],
  ["lists in lists", `{"name":${"[".repeat(MIB / 3)}${"]".repeat(MIB / 3)}}`],
  ["as many fields as a body holds", `{${Array.from({ length: 70_000 }, (_, key) => `"k${key}":0`).join(",")}}`],
  ["one field very often", `{${'"name":"a",'.repeat(80_000)}"name":1}`],
  ["a number of a million digits", `{"resources":{"memoryBytes":${"9".repeat(1_000_000)}}}`],
  ["a number beyond all numbers", `{"resources":{"cpuMillis":1e999999999}}`],
  ["a prototype", `{"__proto__":{"name":"x"},"constructor":{"prototype":{"name":"x"}}}`],
];
test.each(JSON_BOMBS)("JSON bomb: %s is refused at once, by REST and by Connect", async (_what, body) => {
  const before = await rig.fleet.counts();
  const startedMs = systemClock.bootMs();
  for (const path of ["/api/v1/containers", "/lormas.api.v1.ContainerService/CreateContainer"]) {
    const headers = { "content-type": "application/json", authorization: authorization() };
    const answer = await fetch(rig.plane.url + path, { method: "POST", body, headers });
    expect([path, answer.status]).toEqual([path, 400]);
    expect((await answer.text()).length).toBeLessThan(4_096);
  }
  expect(systemClock.bootMs() - startedMs).toBeLessThan(10_000);
  expect(await rig.fleet.counts()).toEqual(before);
});

test.each([
  ["groups within groups", "application/proto", {}, Buffer.alloc(MIB - 1, 0x7b), 400],
  [
    "64 MiB of zeros in gzip",
    "application/json",
    { "content-encoding": "gzip" },
    gzipSync(Buffer.alloc(64 * MIB)),
    429,
  ],
] as const)("a bomb of bytes (%s) is refused at once", async (_what, type, more, body, status) => {
  const startedMs = systemClock.bootMs();
  const headers = { "content-type": type, authorization: authorization(), ...more };
  const answer = await fetch(rig.plane.url + RPC, { method: "POST", body: new Uint8Array(body), headers });
  expect(answer.status).toBe(status);
  expect(systemClock.bootMs() - startedMs).toBeLessThan(10_000);
});

test.each([
  ["no type", {}],
  ["a form", { "content-type": "application/x-www-form-urlencoded" }],
  ["a form of files", { "content-type": "multipart/form-data; boundary=x" }],
  ["plain text", { "content-type": "text/plain" }],
  ["XML", { "content-type": "application/xml" }],
  ["JSON in another charset", { "content-type": "application/json; charset=utf-16" }],
  ["JSON in gzip", { "content-type": "application/json", "content-encoding": "gzip" }],
])("wrong content types: %s is not read by REST", async (_what, headers) => {
  const body = new Uint8Array(Buffer.from('{"name":"fresh","eggId":"hello-http"}'));
  const init = { method: "POST", body, headers: { authorization: authorization(), ...headers } };
  const answer = await fetch(`${rig.plane.url}/api/v1/containers`, init as RequestInit);
  expect(answer.status).toBe(415);
  expect(await answer.json()).toMatchObject({ error: { code: "unsupported_media_type" } });
});

const METACHARACTERS = `'; drop table container; -- $(id) \`id\` "\\ \${IFS}|&&>/tmp/x %s %00 {{`;
test("SQL and shell metacharacters: as a name of whatever is named they find nothing and change nothing", async () => {
  const before = await rig.fleet.counts();
  const name = encodeURIComponent(METACHARACTERS);
  const { paths } = (await (await fetch(`${rig.plane.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const named = Object.entries(paths).filter(([path, verbs]) => path.includes("{") && "get" in verbs);
  expect(named.length).toBeGreaterThan(10);
  for (const [path] of named) {
    const url = rig.plane.url + path.replaceAll(/\{[^}]+\}/g, name);
    const answer = await fetch(url, { headers: { authorization: authorization() } });
    expect([path, [400, 404, 409].includes(answer.status) || answer.status]).toEqual([path, true]);
  }
  expect(await rig.fleet.counts()).toEqual(before);
});
