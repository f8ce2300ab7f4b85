import { create, type DescMethod, type DescMethodStreaming, type DescMethodUnary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "@lormas/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "@lormas/gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "@lormas/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { file_lormas_api_v1_services } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";
import { API_SERVICES } from "./public-services.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

const everyMethod: DescMethod[] = [
  ...file_lormas_api_v1_services.services,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
].flatMap((service) => service.methods);

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isStream = (method: DescMethod): method is DescMethodStreaming => method.methodKind !== "unary";

async function outcome(method: DescMethod, headers: Record<string, string>): Promise<string> {
  const transport = createGrpcTransport({ baseUrl: rig.plane.url });
  const abort = new AbortController();
  try {
    if (isUnary(method)) {
      await transport.unary(method, undefined, undefined, headers, create(method.input));
      return "served";
    }
    const input = (async function* () {
      yield create(method.input);
    })();
    if (!isStream(method)) throw new Error(`${method.name} is neither unary nor a stream`);
    const answer = await transport.stream(method, abort.signal, undefined, headers, input);
    await answer.message[Symbol.asyncIterator]().next();
    return "served";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  } finally {
    abort.abort();
  }
}

test("every service of the proto is served", () => {
  expect(API_SERVICES.map((service) => service.typeName)).toEqual(
    file_lormas_api_v1_services.services.map((service) => service.typeName),
  );
});

test("without credentials every RPC is refused but health, from this machine", async () => {
  const open = ["GetHealth", "Check", "List", "Watch of grpc.health.v1.Health"];
  for (const method of everyMethod) {
    const label = method.name === "Watch" ? `Watch of ${method.parent.typeName}` : method.name;
    const expected = open.includes(label) ? "served" : "Unauthenticated";
    expect([label, await outcome(method, {})]).toEqual([label, expected]);
    expect([label, await outcome(method, { authorization: "Bearer wrong" })]).toEqual([label, expected]);
  }
});

test("health is closed when a proxy speaks for somebody else, or a foreign name leads here", async () => {
  const url = `${rig.plane.url}/api/v1/health`;
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(url, { headers: { "x-forwarded-for": "198.51.100.7" } })).status).toBe(401);
  const authorized = { "x-forwarded-for": "198.51.100.7", authorization: `Bearer ${rig.token}` };
  expect((await fetch(url, { headers: authorized })).status).toBe(200);
});

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["10.0.0.1", false],
  ["::ffff:10.0.0.1", false],
  ["", false],
])("address %s is of this machine: %s", (address, expected) => {
  expect(isLoopbackAddress(address)).toBe(expected);
});

test.each([
  ["localhost:8080", true],
  ["127.0.0.1:8080", true],
  ["[::1]:8080", true],
  ["evil.example:8080", false],
  ["127.0.0.1.evil.example", false],
  ["", false],
])("host %s names this machine: %s", (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});
