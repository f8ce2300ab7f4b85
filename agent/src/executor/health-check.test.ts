import { createServer as createHttp } from "node:http";
import { createServer, type Server } from "node:net";
import { create } from "@bufbuild/protobuf";
import { HealthCheckSchema, PortBindingSchema } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import { afterEach, expect, test } from "vitest";
import { bootClock, systemTimers } from "../clock/clock.ts";
import { handClock } from "../clock/hand-clock.ts";
import { testSpec } from "../node/test-command.ts";
import { SimulatedRuntime } from "../runtime/simulated/simulated-runtime.ts";
import { healthProbe } from "./health-check.ts";
import { awaitHealthy } from "./health-watch.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function listen(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
}

function probe(kind: string, hostPort: number, path = "") {
  const spec = testSpec({
    ports: [create(PortBindingSchema, { name: "http", containerPort: 80, hostPort, protocol: "tcp" })],
    health: create(HealthCheckSchema, { kind, portName: "http", path, timeoutMs: 200 }),
  });
  const look = healthProbe(spec, "127.0.0.1", new SimulatedRuntime(bootClock(), systemTimers), systemTimers);
  return look?.() ?? Promise.resolve("no check");
}

test("tcp is healthy when the port accepts, else says why not", async () => {
  const server = createServer((socket) => socket.destroy());
  const port = await listen(server);
  expect(await probe("tcp", port)).toBeNull();
  await new Promise((resolve) => server.close(resolve));
  expect(await probe("tcp", port)).toMatch(`connect 127.0.0.1:${port}: ECONNREFUSED`);
});

test("http is healthy from 200 to 399, and a silent server is not", async () => {
  const port = await listen(
    createHttp((request, response) => {
      if (request.url === "/silent") return;
      response.writeHead(Number(request.url?.slice(1)), { connection: "close" }).end();
    }),
  );
  expect(await probe("http", port, "/200")).toBeNull();
  expect(await probe("http", port, "/399")).toBeNull();
  expect(await probe("http", port, "/400")).toContain("answered 400");
  expect(await probe("http", port, "/503")).toContain("answered 503");
  expect(await probe("http", port, "/silent")).toContain("no answer within 200 ms");
});

test("a check of a port that is not published never succeeds and names it", async () => {
  const spec = testSpec({ health: create(HealthCheckSchema, { kind: "tcp", portName: "gone" }) });
  const look = healthProbe(spec, "127.0.0.1", new SimulatedRuntime(bootClock(), systemTimers), systemTimers);
  expect(await look?.()).toContain('"gone"');
});

test("waiting ends at the budget with the last problem, however slow the clock", async () => {
  const clock = handClock();
  let looks = 0;
  const waiting = awaitHealthy(
    async () => `problem ${++looks}`,
    { intervalMs: 100, startBudgetMs: 1_000 },
    clock,
    clock.timers,
    new AbortController().signal,
  );
  let outcome: Awaited<typeof waiting> | null = null;
  void waiting.then((value) => {
    outcome = value;
  });
  for (let n = 0; n < 200 && !outcome; n += 1) {
    clock.advance(25);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(outcome).toEqual({ kind: "late", lastProblem: `problem ${looks}` });
  expect(looks).toBeGreaterThan(8);
  expect(looks).toBeLessThan(20);
});
