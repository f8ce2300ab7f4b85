import { expect, test } from "vitest";
import { FakeNodes } from "./fake-registers.ts";
import { KnownNodes } from "./known-nodes.ts";
import { PlaneCounters } from "./plane-counters.ts";
import { RefusalLog } from "./refusal-log.ts";

const handClock = () => ({
  nowMs: 0,
  bootMs(): number {
    return this.nowMs;
  },
  wallMs: () => 0,
  schedule: () => () => {},
});

test("a node is looked up once in its time, again after it, and at once when it is forgotten", async () => {
  const clock = handClock();
  const nodes = new FakeNodes();
  nodes.nodes.set("a", { name: "node-a", revoked: false });
  const known = new KnownNodes(nodes, clock, 5_000);
  await known.find("a");
  clock.nowMs = 4_999;
  nodes.revoke("a");
  expect(await known.find("a")).toEqual({ name: "node-a", revoked: false });
  clock.nowMs = 5_000;
  expect(await known.find("a")).toEqual({ name: "node-a", revoked: true });
  expect(nodes.finds).toBe(2);
  nodes.nodes.set("a", { name: "node-a", revoked: false });
  known.forget("a");
  expect((await known.find("a"))?.revoked).toBe(false);
});

test("an answer that was under way while its node was forgotten is not remembered", async () => {
  const nodes = new FakeNodes();
  nodes.nodes.set("a", { name: "node-a", revoked: false });
  const known = new KnownNodes(nodes, handClock(), 5_000);
  const underWay = known.find("a");
  nodes.revoke("a");
  known.forget("a");
  await underWay;
  expect((await known.find("a"))?.revoked).toBe(true);
});

test("a failed look-up is told and not remembered", async () => {
  const nodes = new FakeNodes();
  nodes.nodes.set("a", { name: "node-a", revoked: false });
  const known = new KnownNodes(nodes, handClock(), 5_000);
  nodes.failing = true;
  await expect(known.find("a")).rejects.toThrow();
  nodes.failing = false;
  expect((await known.find("a"))?.name).toBe("node-a");
});

test("a flood of refusals is counted wholly and logged once a second, with the number left out", () => {
  const clock = handClock();
  const counters = new PlaneCounters();
  const lines: object[] = [];
  const take = (fields: object): void => void lines.push(fields);
  const refusals = new RefusalLog({ info: take, warn: take, error: take }, clock, counters);
  for (let i = 0; i < 100; i++) refusals.refused("handshakes_failed", { i }, "text");
  refusals.refused("streams_slow", {}, "text");
  clock.nowMs = 1_000;
  refusals.refused("handshakes_failed", { i: 100 }, "text");
  expect(counters.values.handshakes_failed).toBe(101);
  expect(lines).toEqual([
    { kind: "handshakes_failed", i: 0 },
    { kind: "streams_slow" },
    { kind: "handshakes_failed", i: 100, leftOut: 99 },
  ]);
});
