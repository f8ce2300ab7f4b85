import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import http2 from "node:http2";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ContainerService, EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { ADMIN_TOKEN_NAME } from "../identity/admin-token.ts";
import { ManualClock } from "../runtime/manual-clock.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import { NODE_1_ID } from "../store/test-fleet.ts";
import { codeOf } from "./api-error.ts";
import { ProtocolMux, protocolOf } from "./protocol-mux.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import type { PublicPlaneOptions } from "./start-public-plane.ts";

/** npm test builds it before; a run of this file alone does without. */
const BUILT_DASHBOARD = fileURLToPath(new URL("../../../ui/build/handler.js", import.meta.url));

let rig: PublicPlaneRig | null = null;
afterEach(async () => {
  await rig?.close();
  rig = null;
});
const start = async (overrides: Partial<PublicPlaneOptions> = {}): Promise<PublicPlaneRig> => {
  rig = await startPublicPlaneRig(overrides);
  return rig;
};
const log = pino({ level: "silent" });

test("reflection lets a tool without our protos call, and refuses one without credentials", async () => {
  const { plane, token } = await start();
  const buf = (...parts: string[]) =>
    promisify(execFile)("npx", ["buf", "curl", "--http2-prior-knowledge", "--reflect", ...parts], {
      timeout: 30_000,
      env: { ...process.env, npm_config_loglevel: "silent" },
    });
  const url = `${plane.url}/lormas.api.v1.NodeService/ListNodes`;
  const authorization = `authorization: Bearer ${token}`;
  for (const protocol of ["grpc-v1", "grpc-v1alpha"]) {
    for (const way of ["grpc", "grpcweb", "connect"]) {
      const { stdout } = await buf(
        ...["--reflect-protocol", protocol, "--protocol", way, "-H", authorization, "--reflect-header", authorization],
        ...["-d", '{"page_size": 1}', url],
      );
      expect(JSON.parse(stdout)).toMatchObject({ nodes: [{ name: "node-1" }] });
    }
  }
  const refused = await buf("--protocol", "grpc", url).then(
    () => "served",
    (error: { stderr: string }) => error.stderr,
  );
  expect(refused, "without credentials it learns nothing").toContain("failed to find service");
});

test("logs are streamed from the node, and a container that is nowhere has none", async () => {
  const { plane, token, fleet } = await start();
  const client = createClient(ContainerService, createGrpcTransport({ baseUrl: plane.url }));
  const headers = { authorization: `Bearer ${token}` };
  const { container } = await client.createContainer({ name: "web", eggId: "hello-http" }, { headers });
  const lines = async (): Promise<string[]> => {
    const texts: string[] = [];
    for await (const line of client.streamLogs({ id: "web", tailLines: 3 }, { headers })) texts.push(line.text);
    return texts;
  };
  expect(await lines().catch((error: unknown) => codeOf(ConnectError.from(error)))).toBe("not_placed");
  await fleet.place(container!.id, NODE_1_ID, 9_000);
  expect(await lines()).toEqual(["line 0", "line 1", "line 2"]);
});

test("an open watch ends within five seconds of its token being revoked", async () => {
  const { plane, token, database } = await start();
  const client = createClient(EventService, createGrpcTransport({ baseUrl: plane.url }));
  const stream = client.watch({}, { headers: { authorization: `Bearer ${token}` } })[Symbol.asyncIterator]();
  await stream.next();
  const revokedAt = systemClock.bootMs();
  await new ApiTokenStore(database.database.orm, systemClock).revoke(ADMIN_TOKEN_NAME);
  const error = await (async () => {
    for (;;) if ((await stream.next()).done === true) return null;
  })().catch((thrown: unknown) => ConnectError.from(thrown));
  expect(codeOf(error!)).toBe("unauthenticated");
  expect(systemClock.bootMs() - revokedAt).toBeLessThan(5_000);
});

test("a stop ends watches with a reason, lets go of the port within its bound, and may be repeated", async () => {
  const { plane, token } = await start();
  const headers = { authorization: `Bearer ${token}` };
  const ends = [
    createGrpcTransport({ baseUrl: plane.url }),
    createConnectTransport({ baseUrl: plane.url, httpVersion: "1.1" }),
  ].map(async (transport) => {
    try {
      for await (const { message } of createClient(EventService, transport).watch({}, { headers })) {
        if (message.case === "opened") opened += 1;
      }
      return "ended";
    } catch (error) {
      return `${Code[ConnectError.from(error).code]} ${codeOf(ConnectError.from(error))}`;
    }
  });
  let opened = 0;
  await expect.poll(() => opened).toBe(2);
  const startedMs = systemClock.bootMs();
  await Promise.all([plane.stop(), plane.stop()]);
  expect(systemClock.bootMs() - startedMs).toBeLessThan(4_500);
  expect(await Promise.all(ends)).toEqual(["Unavailable shutting_down", "Unavailable shutting_down"]);
  await expect(fetch(`${plane.url}/health/live`)).rejects.toThrow();
});

test("where no dashboard is built, a page says how to build it; every answer has its security headers", async () => {
  const { plane } = await start();
  const page = await fetch(plane.url);
  expect(page.status).toBe(503);
  expect(await page.text()).toContain("npm run build:ui");
  expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page.headers.get("referrer-policy")).toBe("same-origin");
  expect(page.headers.get("x-request-id")).toMatch(/^[0-9a-f]{16}$/);
});

test.skipIf(!existsSync(BUILT_DASHBOARD))(
  "the built dashboard is served over HTTP/1.1 and HTTP/2, with a policy that its own scripts satisfy",
  async () => {
    const { plane } = await start({ dashboardHandler: BUILT_DASHBOARD });
    const page = await fetch(`${plane.url}/sign-in`);
    const html = await page.text();
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
    const policy = page.headers.get("content-security-policy") ?? "";
    const nonce = /script-src [^;]*'nonce-([^']+)'/.exec(policy)?.[1];
    expect(policy).toContain("frame-ancestors 'none'");
    expect(nonce).toBeDefined();
    const scripts = [...html.matchAll(/<script([^>]*)>/g)].map(([, attributes]) => attributes ?? "");
    expect(scripts.length).toBeGreaterThan(0);
    for (const attributes of scripts) expect(attributes).toContain(`nonce="${nonce}"`);
    const session = http2.connect(plane.url);
    const stream = session.request({ ":path": "/sign-in" });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    session.destroy();
    expect(status).toBe(200);
    const asset = /"(?:\.|)\/(_app\/immutable\/[^"]+\.js)"/.exec(html)?.[1];
    expect((await fetch(`${plane.url}/${asset}`)).headers.get("cache-control")).toContain("immutable");
  },
);

/** What says why it has nothing to show: a token has no account, and nobody has served agents on this database. */
const ANSWERS: Readonly<Record<string, number>> = {
  "/api/v1/access/profile": 409,
  "/api/v1/access/sessions": 409,
  "/api/v1/authority": 404,
};

test("openapi.json describes the routes that are served", async () => {
  const { plane, token } = await start();
  const document = (await (await fetch(`${plane.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  expect(Object.keys(document.paths)).toContain("/api/v1/containers/{id}/migrate");
  const readable = Object.entries(document.paths).filter(([, verbs]) => "get" in verbs);
  const plain = readable.map(([path]) => path).filter((path) => !path.includes("{"));
  for (const path of plain) {
    const answer = await fetch(plane.url + path, { headers: { authorization: `Bearer ${token}` } });
    expect([path, answer.status]).toEqual([path, ANSWERS[path] ?? 200]);
  }
});

/** A mux on a free port with a clock that stands still. */
async function mux(limits: { connectionsMax: number; connectionsPerAddressMax: number }) {
  const clock = new ManualClock();
  const taken: string[] = [];
  const take = (protocol: string, socket: net.Socket): void => {
    taken.push(protocol);
    socket.resume();
  };
  const made = new ProtocolMux(
    { http1: (socket) => take("http1", socket), http2: (socket) => take("http2", socket) },
    clock,
    log,
    { firstBytesMs: 10_000, ...limits },
  );
  const { port } = await made.listen("127.0.0.1", 0);
  const connect = (bytes?: string | Buffer): net.Socket => {
    const socket = net.connect(port, "127.0.0.1", () => {
      if (bytes !== undefined) socket.write(bytes);
    });
    socket.on("error", () => {});
    return socket;
  };
  return { clock, taken, made, connect };
}

test("a connection that says nothing is closed after ten seconds, one that speaks is handed on", async () => {
  const { clock, taken, made, connect } = await mux({ connectionsMax: 10, connectionsPerAddressMax: 10 });
  const [silent, slow, preface] = [connect(), connect("P"), connect("PRI * HTTP/2.0\r\n")];
  let closed = 0;
  for (const socket of [silent, slow]) socket.on("close", () => (closed += 1));
  await expect.poll(() => taken).toEqual(["http2"]);
  await expect.poll(() => made.connectionCount).toBe(3);
  await clock.advance(9_999, async () => {});
  expect(closed).toBe(0);
  await clock.advance(1, async () => {});
  await expect.poll(() => closed).toBe(2);
  preface.destroy();
  await expect.poll(() => made.connectionCount).toBe(0);
  made.stopAccepting();
});

test("one connection above the bound is closed, also per address, and room that is given back is used", async () => {
  for (const limits of [
    { connectionsMax: 2, connectionsPerAddressMax: 10 },
    { connectionsMax: 10, connectionsPerAddressMax: 2 },
  ]) {
    const { made, connect } = await mux(limits);
    const [first, second] = [connect("GET "), connect("GET ")];
    await expect.poll(() => made.connectionCount).toBe(2);
    const third = connect("GET ");
    await new Promise<void>((resolve) => third.on("close", () => resolve()));
    first.destroy();
    await expect.poll(() => made.connectionCount).toBe(1);
    const fourth = connect("GET ");
    await expect.poll(() => made.connectionCount).toBe(2);
    for (const socket of [second, fourth]) socket.destroy();
    await expect.poll(() => made.connectionCount).toBe(0);
    made.stopAccepting();
  }
});

test.each([
  ["PRI * HTTP/2.0", "http2"],
  ["PRI ", "http2"],
  ["PR", "unknown_yet"],
  ["PROPFIND / HTTP/1.1", "http1"],
  ["POST / HTTP/1.1", "http1"],
  ["G", "http1"],
  ["\u0016\u0003\u0001", "neither"],
  ["get /", "neither"],
])("first bytes %j are %s", (text, expected) => {
  expect(protocolOf(Buffer.from(text, "latin1"))).toBe(expected);
});
