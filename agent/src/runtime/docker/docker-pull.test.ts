import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemTimers, wallClock } from "../../clock/clock.ts";
import { waitFor } from "../../clock/wait-for-clock.ts";
import { testSpec } from "../../node/test-command.ts";
import { DockerRuntime } from "./docker-runtime.ts";

/** An engine's socket of which only a pull is spoken, which ends when the test says so. */
let folder: string;
let engine: Server;
let pulls: { path: string; cut: boolean; end(): void }[];
let runtime: DockerRuntime;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "lormas-pull-"));
  pulls = [];
  engine = createServer((request, response) => {
    const path = request.url ?? "";
    if (request.method === "POST" && path.startsWith("/images/create")) {
      const pull = { path, cut: false, end: () => void response.end('{"status":"Pull complete"}\n') };
      pulls.push(pull);
      response.on("close", () => {
        pull.cut = !response.writableEnded;
      });
      response.write('{"status":"Pulling fs layer"}\n');
    } else if (path.startsWith("/events")) response.flushHeaders();
    else response.writeHead(404, { "content-type": "application/json" }).end('{"message":"no such image"}');
  });
  const socketPath = join(folder, "engine.sock");
  await new Promise<void>((resolve) => engine.listen(socketPath, resolve));
  runtime = await DockerRuntime.open({
    socketPath,
    node: { nodeId: "00000000-0000-4000-8000-000000000001", nodeName: "node-1", address: "127.0.0.1" },
    sharedDir: null,
    cgroupParents: null,
    timers: systemTimers,
    wall: wallClock,
    log: pino({ level: "silent" }),
  });
});
afterEach(async () => {
  await runtime.close();
  engine.closeAllConnections();
  await new Promise<unknown>((resolve) => engine.close(resolve));
  rmSync(folder, { recursive: true });
});

test("a pull that is not wanted any more is cut at the engine, and its caller is free at once", async () => {
  const cut = new AbortController();
  const prepared = runtime.prepare(testSpec({ image: "example.org/big:1", startup: { docker: "true" } }), cut.signal);
  const refused = expect(prepared).rejects.toMatchObject({ code: "image_unavailable" });
  await waitFor("the pull", () => pulls[0]);
  expect(pulls[0]?.path).toContain("fromImage=example.org%2Fbig&tag=1");
  cut.abort();
  await refused;
  await waitFor("the engine without it", () => pulls[0]?.cut);
});

test("a pull that is wanted goes on to its end", async () => {
  const over = new AbortController();
  const prepared = runtime.prepare(testSpec({ image: "example.org/big:1", startup: { docker: "true" } }), over.signal);
  await waitFor("the pull", () => pulls[0]);
  let settled = false;
  void prepared.finally(() => {
    settled = true;
  });
  await runtime.ready();
  expect([settled, pulls[0]?.cut]).toEqual([false, false]);
  pulls[0]?.end();
  await prepared;
  expect(pulls[0]?.cut).toBe(false);
});
