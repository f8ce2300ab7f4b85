import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../runtime/system-clock.ts";
import { callInterceptor } from "../call-interceptor.ts";
import { serveRpc } from "../connect-handler.ts";
import { PublicServer } from "../public-server.ts";
import { bind, RpcEndpoint } from "../rpc-endpoint.ts";
import { streamRecheckInterceptor } from "../stream-recheck-interceptor.ts";
import { FakeWatchSource } from "./fake-watch-source.ts";
import { WatchHub } from "./watch-hub.ts";
import { WHOLE_FLEET } from "./watch-view.ts";

const log = pino({ level: "silent" });
let hub: WatchHub;
let server: PublicServer;
let baseUrl: string;

beforeEach(async () => {
  hub = new WatchHub({ source: new FakeWatchSource(), clock: systemClock, log });
  const endpoint = new RpcEndpoint(
    {
      gate: async () => {},
      interceptors: [callInterceptor(systemClock, log), streamRecheckInterceptor(systemClock, async () => {})],
    },
    [
      bind(EventService, {
        listEvents: () => ({}),
        watch: (request, context) => hub.watch(request.after ?? null, context.signal, WHOLE_FLEET),
      }),
    ],
  );
  server = new PublicServer(
    (request, response) => void serveRpc(endpoint, log, request.url ?? "", request, response, ""),
    systemClock,
    log,
  );
  baseUrl = `http://127.0.0.1:${(await server.listen("127.0.0.1", 0)).port}`;
});
afterEach(async () => {
  hub.stop();
  await server.stop(100);
});

test.each([
  ["connect over HTTP/1.1", () => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["connect over HTTP/2", () => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["grpc", () => createGrpcTransport({ baseUrl })],
  ["grpc-web", () => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
])("a watcher that goes away is forgotten at once (%s)", async (_protocol, transport) => {
  const client = createClient(EventService, transport());
  const abort = new AbortController();
  const streams = Array.from({ length: 5 }, () => client.watch({}, { signal: abort.signal })[Symbol.asyncIterator]());
  await Promise.all(streams.map((stream) => stream.next()));
  expect(hub.watcherCount).toBe(5);
  const ended = Promise.allSettled(streams.map((stream) => stream.next().then(() => stream.next())));
  abort.abort();
  await ended;
  await expect.poll(() => hub.watcherCount).toBe(0);
});
