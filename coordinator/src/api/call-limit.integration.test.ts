import { fromBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { AccessService, NodeService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BURST_SECONDS } from "./call-limiter.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

/** A second's worth comes back while a test runs; what is refused must be more than that. */
const TRIES = 200;
let rig: PublicPlaneRig;

beforeAll(async () => {
  rig = await startPublicPlaneRig({ apiCallsPerSecond: 1 });
});
afterAll(() => rig?.close());

const signIn =
  (token: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
const optionsOf = (token: string) => ({ baseUrl: rig.plane.url, interceptors: [signIn(token)] });
const newToken = async (name: string): Promise<string> => {
  const admin = createClient(AccessService, createConnectTransport({ ...optionsOf(rig.token), httpVersion: "1.1" }));
  return (await admin.createToken({ name, role: "viewer" })).secret;
};

test("every protocol refuses one call too many with how long to wait", async () => {
  const transports = {
    connect: (token: string) => createConnectTransport({ ...optionsOf(token), httpVersion: "1.1" }),
    grpc: (token: string) => createGrpcTransport(optionsOf(token)),
    "grpc-web": (token: string) => createGrpcWebTransport({ ...optionsOf(token), httpVersion: "1.1" }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    const nodes = createClient(NodeService, transport(await newToken(name)));
    const refused = await firstRefusal(() => nodes.listNodes({}));
    expect(refused.count, name).toBeGreaterThanOrEqual(BURST_SECONDS);
    expect(refused.error.code, name).toBe(Code.ResourceExhausted);
    expect(refused.error.metadata.get("retry-after"), name).toBe("1");
    const info = refused.error.details.find((detail) => "type" in detail && detail.type === "google.rpc.RetryInfo");
    if (info === undefined || !("type" in info)) throw new Error(`${name}: no RetryInfo`);
    // RetryInfo is one field, retry_delay (1), of length-delimited bytes.
    const { seconds, nanos } = fromBinary(DurationSchema, info.value.subarray(2));
    const waitMs = Number(seconds) * 1_000 + nanos / 1e6;
    expect(waitMs, name).toBeGreaterThan(0);
    expect(waitMs, name).toBeLessThanOrEqual(1_000);
  }
});

test("REST answers 429 with Retry-After", async () => {
  const headers = { authorization: `Bearer ${await newToken("rest")}` };
  for (let count = 0; count < TRIES; count += 1) {
    const answer = await fetch(`${rig.plane.url}/api/v1/nodes`, { headers });
    if (answer.status === 200) continue;
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await answer.json()).toMatchObject({ error: { code: "rate_limited", retryable: true } });
    return;
  }
  throw new Error("it was never refused");
});

test("who is nobody is refused by address, and the local administrator never", async () => {
  const nobody = createClient(NodeService, createConnectTransport({ ...optionsOf("lormas_x"), httpVersion: "1.1" }));
  const codes = new Set<Code>();
  for (let count = 0; count < 3 * BURST_SECONDS; count += 1) {
    await nobody.listNodes({}).catch((error: unknown) => codes.add(ConnectError.from(error).code));
  }
  expect([...codes]).toEqual([Code.Unauthenticated, Code.ResourceExhausted]);
  const admin = createClient(NodeService, createConnectTransport({ ...optionsOf(rig.token), httpVersion: "1.1" }));
  for (let count = 0; count < 5 * BURST_SECONDS; count += 1) await admin.listNodes({});
});

async function firstRefusal(call: () => Promise<unknown>): Promise<{ count: number; error: ConnectError }> {
  for (let count = 0; count < TRIES; count += 1) {
    try {
      await call();
    } catch (error) {
      return { count, error: ConnectError.from(error) };
    }
  }
  throw new Error("it was never refused");
}
