import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { ContainerStatus, ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { ContainerService, EventService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createRestHandler } from "./rest-handler.ts";
import { connectInvoke } from "./test-connect-invoke.ts";

const BODY_BYTES_MAX = 2_000;
const addressKey = createContextKey("nowhere");
const seen: { caller: string; authorization: string | null; create: string[]; internal: unknown[]; aborted: number } = {
  caller: "",
  authorization: null,
  create: [],
  internal: [],
  aborted: 0,
};

function routes(router: ConnectRouter): void {
  router.service(ContainerService, {
    getContainer: ({ id }, context: HandlerContext) => {
      seen.caller = context.values.get(addressKey);
      seen.authorization = context.requestHeader.get("authorization");
      switch (id) {
        case "web":
          return { container: { id: "c1", name: "web", status: ContainerStatus.RUNNING, epoch: 2n } };
        case "bug":
          throw new TypeError("secret inside");
        case "plain":
          throw new ConnectError("not now", Code.FailedPrecondition);
        case "away":
          throw refusal(Code.Unavailable, { code: "database_unavailable", retryable: true, retryAfterMs: 1_200 });
        case "hang":
          return new Promise((_resolve, reject) => {
            const onAbort = () => {
              seen.aborted += 1;
              reject(context.signal.reason);
            };
            context.signal.addEventListener("abort", onAbort);
            hanging();
          });
        default:
          throw refusal(Code.NotFound, { code: "not_found", field: "id", nextStep: "List the containers." });
      }
    },
    createContainer: ({ name }) => {
      seen.create.push(name);
      return { container: { name } };
    },
  });
}
let hanging = (): void => undefined;

function refusal(
  code: Code,
  detail: { code: string; field?: string; nextStep?: string; retryable?: boolean; retryAfterMs?: number },
) {
  const value = create(ErrorDetailSchema, { message: `no: ${detail.code}`, ...detail });
  return new ConnectError("refused", code, undefined, [{ desc: ErrorDetailSchema, value }]);
}

let server: Server;
let base = "";
beforeAll(async () => {
  const handler = createRestHandler({
    services: [ContainerService, NodeService, EventService],
    invoke: connectInvoke({
      routes,
      router: { interceptors: [createValidateInterceptor()] },
      contextValues: ({ remoteAddress }) => createContextValues().set(addressKey, remoteAddress),
    }),
    bodyBytesMax: BODY_BYTES_MAX,
    onInternalError: (error) => seen.internal.push(error),
  });
  server = createServer(async (request, response) => {
    if (!(await handler(request, response))) response.writeHead(418).end("elsewhere");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  seen.create.length = 0;
  seen.internal.length = 0;
});

const call = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${base}${path}`, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
};
const post = (body: string, headers: Record<string, string> = { "content-type": "application/json" }) =>
  call("/api/v1/containers", { method: "POST", body, headers });

describe("an answer", () => {
  test("is JSON in lowerCamelCase with every default printed and 64-bit numbers as text", async () => {
    const { status, headers, body } = await call("/api/v1/containers/web", { headers: { authorization: "Bearer t" } });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(body.container).toMatchObject({
      id: "c1",
      status: "CONTAINER_STATUS_RUNNING",
      epoch: "2",
      nodeId: "",
      endpoints: [],
      restartCount: 0,
    });
    expect(seen).toMatchObject({ caller: "127.0.0.1", authorization: "Bearer t" });
  });

  test("outside /api/v1 is somebody else's", async () => {
    expect((await call("/api/v2/containers")).status).toBe(418);
    expect((await call("/api/v1x")).status).toBe(418);
  });
});

describe("a refusal has one shape", () => {
  const error = (code: string, more: object = {}) => ({
    error: {
      code,
      field: "",
      retryable: false,
      retryAfterMs: 0,
      message: expect.any(String),
      nextStep: expect.any(String),
      ...more,
    },
  });

  test("from the method, with its detail and the status of its code", async () => {
    const missing = await call("/api/v1/containers/nope");
    expect(missing.status).toBe(404);
    expect(missing.body).toEqual(
      error("not_found", { field: "id", message: "no: not_found", nextStep: "List the containers." }),
    );
    const conflict = await call("/api/v1/containers/plain");
    expect(conflict.status).toBe(409);
    expect(conflict.body).toEqual(error("failed_precondition", { message: "not now" }));
  });

  test("with Retry-After when a retry may help", async () => {
    const { status, headers, body } = await call("/api/v1/containers/away");
    expect([status, headers.get("retry-after")]).toEqual([503, "2"]);
    expect(body).toEqual(error("database_unavailable", { retryable: true, retryAfterMs: 1_200 }));
  });

  test("for a bug shows nothing of its inside, and the log hears of it", async () => {
    const { status, body } = await call("/api/v1/containers/bug");
    expect(status).toBe(500);
    expect(body).toEqual(error("internal"));
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(seen.internal).toHaveLength(1);
  });

  test("for a method that nobody implements", async () => {
    expect((await call("/api/v1/nodes")).status).toBe(501);
  });

  test("for a broken rule of the proto, with its field, before anything is changed", async () => {
    const { status, body } = await post('{"name":"NOT GOOD","eggId":"a"}');
    expect(status).toBe(400);
    expect(body).toEqual(error("invalid_argument", { field: "name" }));
    expect(seen.create).toEqual([]);
  });

  test("for unknown fields, paths and verbs", async () => {
    expect((await post('{"name":"abc","eggId":"a","x":1}')).body).toEqual(
      error("invalid_argument", { field: "x", message: 'unknown field "x"' }),
    );
    expect(await call("/api/v1/nothing")).toMatchObject({ status: 404, body: error("unknown_path") });
    expect(await call("/api/v1")).toMatchObject({ status: 404 });
    const verb = await call("/api/v1/containers", { method: "PUT", body: "{}" });
    expect([verb.status, verb.headers.get("allow")]).toEqual([405, "GET, POST"]);
    expect(verb.body).toEqual(error("method_not_allowed"));
    expect(await call("/api/v1/containers/%zz")).toMatchObject({ status: 400 });
  });

  test("for a body that is not plain JSON in UTF-8", async () => {
    expect((await post("{}", { "content-type": "text/plain" })).status).toBe(415);
    expect((await post("{}", { "content-type": "application/json", "content-encoding": "gzip" })).status).toBe(415);
    expect((await post("{", { "content-type": "application/json; charset=UTF-8" })).status).toBe(400);
    const bytes = new Uint8Array([0x7b, 0xff, 0x7d]);
    const { status } = await call("/api/v1/containers", {
      method: "POST",
      body: bytes,
      headers: { "content-type": "application/json" },
    });
    expect(status).toBe(400);
    expect(seen.create).toEqual([]);
  });
});

describe("the body has a bound", () => {
  const bodyOf = (bytes: number) => {
    const frame = '{"name":"abc","eggId":"a","environment":{"k":""}}';
    return frame.replace('""', `"${"x".repeat(bytes - frame.length)}"`);
  };

  test("a body of exactly that size is read, one byte more is refused with the bound named", async () => {
    expect((await post(bodyOf(BODY_BYTES_MAX))).status).toBe(200);
    const { status, body } = await post(bodyOf(BODY_BYTES_MAX + 1));
    expect(status).toBe(413);
    expect(body.error).toMatchObject({
      code: "body_too_large",
      message: `the body is larger than ${BODY_BYTES_MAX} bytes`,
    });
    expect(seen.create).toEqual(["abc"]);
  });

  test("also when its size is not announced: the answer comes before the end of the body", async () => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const head =
      "POST /api/v1/containers HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write(`${head}${(BODY_BYTES_MAX + 1).toString(16)}\r\n${"x".repeat(BODY_BYTES_MAX + 1)}\r\n`);
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    await once(socket, "close");
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain("body_too_large");
  });
});

test("a caller who goes away aborts the call", async () => {
  const abort = new AbortController();
  const begun = new Promise<void>((resolve) => {
    hanging = resolve;
  });
  const before = seen.aborted;
  const answer = call("/api/v1/containers/hang", { signal: abort.signal });
  await begun;
  abort.abort();
  await expect(answer).rejects.toThrow();
  await expect.poll(() => seen.aborted).toBe(before + 1);
});
