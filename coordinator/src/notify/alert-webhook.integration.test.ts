import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { type FleetRig, fleetRig } from "../runtime/fleet-rig.ts";
import { ManualClock } from "../runtime/manual-clock.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { AlertDeliveryStore } from "../store/alert-delivery-store.ts";
import { AlertTelling } from "./alert-telling.ts";
import { type AlertDeliveries, AlertWebhook, ATTEMPTS_MAX, webhookRetryMs } from "./alert-webhook.ts";
import { HttpAlertReceiver, REQUEST_TIMEOUT_MS } from "./http-alert-receiver.ts";

type Received = { readonly headers: IncomingMessage["headers"]; readonly text: string };

let rig: FleetRig;
let receiver: Server;
let url: string;
let received: Received[];
/** What the receiver answers; null: nothing, ever. */
let answer: (nth: number) => { status: number; location?: string } | null;
let webhook: AlertWebhook | null = null;
const warnings: string[] = [];

beforeEach(async () => {
  rig = await fleetRig(1, (store) => store, { deliverAlerts: true });
  received = [];
  warnings.length = 0;
  answer = () => ({ status: 200 });
  receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += String(chunk);
    });
    request.on("end", () => {
      received.push({ headers: request.headers, text });
      const said = answer(received.length);
      if (said) response.writeHead(said.status, said.location ? { location: said.location } : {}).end("thanks");
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  await webhook?.stop();
  webhook = null;
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  await rig.close();
});

const log = {
  info: () => {},
  warn: (_: unknown, text?: string) => warnings.push(String(text)),
  error: (_: unknown, text?: string) => warnings.push(String(text)),
};
const store = () => new AlertDeliveryStore(rig.database.database);
function start(
  clock: ConstructorParameters<typeof AlertWebhook>[0]["clock"] = systemClock,
  secret: string | null = null,
  deliveries: AlertDeliveries = store(),
  /** Of the requests; the other one is of the waits between them. */
  requestClock = clock,
) {
  const runtime = rig.runtime();
  webhook = new AlertWebhook({
    receiver: new HttpAlertReceiver({ url, secret, clock: requestClock }),
    countsAnew: false,
    deliveries,
    clock,
    log,
    leading: () => runtime.leading().leader,
    onCommitted: (callback) => runtime.onCommitted(() => callback()),
  });
  webhook.start();
}
const raise = (message = "its clock is fast") =>
  rig.runtime().loop.submit((work) =>
    work.raiseAlert({
      kind: "clock_rate",
      severity: "warning",
      subject: { kind: "node", id: rig.nodeIds[0] ?? "" },
      message,
      nextStep: "look at its clock",
      data: { rate: 1.07 },
    }),
  );
const resolve = () =>
  rig.runtime().loop.submit((work) => work.resolveAlert("clock_rate", { id: rig.nodeIds[0] ?? "" }));
const told = () => received.map(({ text }) => JSON.parse(text).event as string);
const waiting = async () => (await store().oldest(100)).length;
const arrive = (count: number) => expect.poll(() => received.length, { timeout: 5_000 }).toBe(count);
const arriveAsTimePasses = (clock: ManualClock, count: number) =>
  expect
    .poll(
      async () => {
        await clock.advance(500, async () => {});
        return received.length;
      },
      { timeout: 5_000 },
    )
    .toBe(count);

test("every transition is posted once, in order, with the alert as it was then, signed with the secret", async () => {
  start(systemClock, "a secret of sixteen");
  await raise();
  await arrive(1);
  const [alert] = [...rig.runtime().state.unresolvedAlerts()];
  await rig.runtime().operators.acknowledgeAlert(alert?.id ?? "", "user:eve");
  await resolve();
  await arrive(3);
  expect(told()).toEqual(["alert.opened", "alert.acknowledged", "alert.resolved"]);
  const [opened, acknowledged] = received.map(({ text }) => JSON.parse(text));
  expect(opened).toMatchObject({
    version: 1,
    alert: {
      id: alert?.id,
      kind: "clock_rate",
      severity: "warning",
      state: "open",
      subject: { kind: "node", id: rig.nodeIds[0] },
      message: "its clock is fast",
      nextStep: "look at its clock",
      count: 1,
      data: { rate: 1.07 },
      openedAt: new Date(alert?.openedAt ?? 0).toISOString(),
      resolvedAt: null,
    },
  });
  expect(acknowledged.alert).toMatchObject({ state: "acknowledged", acknowledgedBy: "user:eve" });
  for (const { headers, text } of received) {
    const signature = createHmac("sha256", "a secret of sixteen").update(text).digest("hex");
    expect(headers["x-lormas-signature"]).toBe(`sha256=${signature}`);
    expect(headers["x-lormas-delivery"]).toBe(JSON.parse(text).delivery);
    expect(headers["x-lormas-event"]).toBe(JSON.parse(text).event);
  }
  await expect.poll(waiting, { timeout: 5_000 }).toBe(0);
});

test("without a secret nothing claims to be signed", async () => {
  start();
  await raise();
  await arrive(1);
  expect(received[0]?.headers["x-lormas-signature"]).toBeUndefined();
});

test("what a receiver refuses is posted again under the same id, before what came after it", async () => {
  answer = (nth) => ({ status: nth <= 2 ? 503 : 204 });
  start();
  await raise();
  await resolve();
  await expect.poll(() => received.length, { timeout: 10_000 }).toBe(4);
  expect(told()).toEqual(["alert.opened", "alert.opened", "alert.opened", "alert.resolved"]);
  expect(new Set(received.slice(0, 3).map(({ headers }) => headers["x-lormas-delivery"])).size).toBe(1);
});

test("a redirect is not followed: the receiver is the one that was configured", async () => {
  answer = (nth) => (nth === 1 ? { status: 307, location: `${url}/elsewhere` } : { status: 200 });
  start();
  await raise();
  await arrive(2); // The second is the retry, at the address that was configured.
  expect(warnings.join()).toContain("did not take an alert");
  await expect.poll(waiting, { timeout: 5_000 }).toBe(0);
});

test("what was decided while nothing was sent, or before a restart, is sent afterwards", async () => {
  await raise();
  expect(await waiting()).toBe(1);
  start();
  await arrive(1);
  // One whose answer a stop cuts off is sent once more, as it must be.
  await expect.poll(waiting, { timeout: 5_000 }).toBe(0);
  await webhook?.stop();
  await resolve();
  await rig.restart();
  start();
  await arrive(2);
  expect(told()).toEqual(["alert.opened", "alert.resolved"]);
});

test("what is decided while the queue is being looked at is sent at once, not at the next look", async () => {
  const queue = store();
  let decided = () => {};
  const decision = new Promise<void>((resolve) => {
    decided = resolve;
  });
  let looked = 0;
  const deliveries: AlertDeliveries = {
    trim: (keep) => queue.trim(keep),
    remove: (position) => queue.remove(position),
    noteFailure: (...failure) => queue.noteFailure(...failure),
    oldest: async (limit) => {
      const found = await queue.oldest(limit);
      if (looked++ === 0) await decision;
      return found;
    },
  };
  start(new ManualClock(), null, deliveries); // A clock that stands still: no timer brings it.
  await expect.poll(() => looked).toBe(1);
  await raise();
  decided();
  await arrive(1);
  expect(told()).toEqual(["alert.opened"]);
});

test("a receiver that never answers holds up neither decisions nor the stop, and what it had is kept", async () => {
  answer = () => null;
  start();
  await raise();
  await arrive(1);
  await resolve(); // Decided while the request is under way.
  await webhook?.stop();
  expect(await waiting()).toBe(2);
});

test("a slow receiver is given up after its time, and asked again later", async () => {
  answer = () => null;
  const clock = new ManualClock();
  start(clock);
  await raise();
  await arrive(1);
  await clock.advance(REQUEST_TIMEOUT_MS, async () => {});
  await expect.poll(() => warnings.length, { timeout: 5_000 }).toBe(1);
  answer = () => ({ status: 200 });
  await arriveAsTimePasses(clock, 2);
});

test("an attempt that its timer calls for a little early is made when it is due, without anything else happening", async () => {
  answer = (nth) => ({ status: nth === 1 ? 503 : 204 });
  const clock = new ManualClock();
  // As the machine's own does: the kernel tells its time in steps of 10 ms, the timers count by another clock.
  const early: Clock = {
    bootMs: () => clock.bootMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, callback) => clock.schedule(delayMs > 10 ? delayMs - 10 : delayMs, callback),
  };
  start(early, null, store(), systemClock);
  await raise();
  await expect.poll(() => warnings.length, { timeout: 5_000 }).toBe(1);
  await arriveAsTimePasses(clock, 2);
});

test("one that is never taken is given up in the end and holds the others up no longer", async () => {
  answer = (nth) => ({ status: nth <= ATTEMPTS_MAX ? 400 : 200 });
  const clock = new ManualClock();
  // An hour passes within a second here: by the same clock a request under way would be too late before it has arrived.
  start(clock, null, store(), systemClock);
  await raise();
  await resolve();
  await expect
    .poll(
      async () => {
        await clock.advance(webhookRetryMs(ATTEMPTS_MAX), async () => {});
        return told().at(-1);
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe("alert.resolved");
  expect(told().filter((event) => event === "alert.opened")).toHaveLength(ATTEMPTS_MAX);
  expect(warnings.some((text) => text.includes("given up"))).toBe(true);
});

test("the queue keeps its newest and drops its oldest", async () => {
  for (let round = 0; round < 3; round++) {
    await raise();
    await resolve();
  }
  expect(await store().trim(4)).toBe(2);
  expect(await store().trim(4)).toBe(0);
  expect((await store().oldest(10)).map(({ transition }) => transition)).toEqual([
    "opened",
    "resolved",
    "opened",
    "resolved",
  ]);
});

test("a coordinator that does not lead posts nothing", async () => {
  await raise();
  const runtime = rig.runtime();
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const receives = new HttpAlertReceiver({ url, secret: null, clock: systemClock });
  const ports = { receiver: receives, countsAnew: false, deliveries: store(), clock: systemClock, log: quiet };
  let looked = 0;
  webhook = new AlertWebhook({
    ...ports,
    leading: () => {
      looked += 1;
      return false;
    },
    onCommitted: (callback) => runtime.onCommitted(() => callback()),
  });
  webhook.start();
  await resolve();
  await expect.poll(() => looked, { timeout: 5_000 }).toBeGreaterThan(1);
  await webhook.stop();
  expect([received.length, await waiting()]).toEqual([0, 2]);
});

test("another receiver has all its attempts, however often the one before failed", async () => {
  await raise();
  const { em } = rig.database.database.orm;
  await em.fork().execute("update alert_delivery set attempts = ?", [ATTEMPTS_MAX - 2]);
  answer = (nth) => ({ status: nth <= 2 ? 503 : 200 });
  const runtime = rig.runtime();
  const telling = new AlertTelling({ url, secret: "of the one before" });
  telling.start({
    receiverAt: (target) => new HttpAlertReceiver({ ...target, clock: systemClock }),
    ...{ deliveries: store(), clock: systemClock, log, leading: () => runtime.leading().leader },
    onCommitted: (callback) => runtime.onCommitted(() => callback()),
  });
  try {
    await expect.poll(async () => (await store().oldest(1))[0]?.attempts, { timeout: 5_000 }).toBe(ATTEMPTS_MAX - 1);
    await telling.use({ url, secret: "of the next one" });
    await arrive(3);
    await expect.poll(waiting, { timeout: 5_000 }).toBe(0);
    expect(warnings.join()).not.toContain("given up");
  } finally {
    await telling.stop();
  }
});
