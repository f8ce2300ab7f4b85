import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.ts";
import { until } from "../up/testing/process-fixture.ts";
import type { Sample } from "./downtime.ts";
import { askOnce, Prober, type ProbeTarget } from "./prober.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<ProbeTarget> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { address: "127.0.0.1", port: address.port, answerHolds: "demo-1" };
}

const ask = (target: ProbeTarget | undefined) =>
  new Promise<boolean>((resolve) => askOnce(systemClock, target, resolve));

describe("a request of the prober", () => {
  it("is good only with a whole answer of that container and status 200", async () => {
    expect(await ask(await serve((_request, response) => response.end("hello from demo-1")))).toBe(true);
    expect(await ask(await serve((_request, response) => response.end("hello from web")))).toBe(false);
    expect(await ask(await serve((_request, response) => response.writeHead(503).end("demo-1")))).toBe(false);
    expect(await ask(await serve((request) => request.socket.destroy()))).toBe(false);
    expect(await ask({ address: "127.0.0.1", port: 1, answerHolds: "" })).toBe(false);
    expect(await ask(undefined)).toBe(false);
  });

  it("ends after a second with a server that never answers, or that never ends its answer", async () => {
    const startMs = systemClock.nowMs();
    const silent = await serve(() => undefined);
    const endless = await serve((_request, response) => response.write("demo-1"));
    expect(await Promise.all([ask(silent), ask(endless)])).toEqual([false, false]);
    expect(systemClock.nowMs() - startMs).toBeLessThan(5000);
  });

  it("does not read more than 64 KiB of an answer", async () => {
    const large = await serve((_request, response) => response.end(`demo-1${"x".repeat(70_000)}`));
    expect(await ask(large)).toBe(false);
  });
});

describe("the prober", () => {
  it("numbers its requests without a gap, has at most 20 open, and follows the container", async () => {
    let open = 0;
    let openMost = 0;
    const silent = await serve((request) => {
      open += 1;
      openMost = Math.max(openMost, open);
      request.socket.once("close", () => {
        open -= 1;
      });
    });
    const good = await serve((_request, response) => response.end("demo-1"));
    const samples: Sample[] = [];
    const prober = new Prober(systemClock, silent, (sample) => samples.push(sample));
    prober.start();
    await until("the silent one is full", 10_000, () => openMost >= 15 && samples.length >= 3);
    prober.follow(good);
    await until("good answers from the new place", 10_000, () => samples.filter((sample) => sample.good).length >= 3);
    prober.stop();
    await until(
      "every request has ended",
      10_000,
      () => samples.length === Math.max(...samples.map((s) => s.number)) + 1,
    );
    expect(openMost).toBeLessThanOrEqual(20);
    expect(samples.map((sample) => sample.number).sort((a, b) => a - b)).toEqual(samples.map((_, index) => index));
  });
});
