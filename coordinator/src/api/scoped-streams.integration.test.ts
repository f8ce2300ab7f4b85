import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ContainerService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../runtime/system-clock.ts";
import { type ScopedRig, startScopedRig } from "./scoped-rig.ts";

let scoped: ScopedRig;
beforeAll(async () => {
  scoped = await startScopedRig({
    link: {
      sendInput: async () => {},
      resizeTerminal: async () => {},
      async *readTerminal(_nodeId, _containerId, signal) {
        yield { bytes: new Uint8Array(), skippedBytes: 0 };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
      async *readLogs(_nodeId, _wish, signal) {
        yield [{ atMs: 1, stream: "stdout" as const, text: "still here" }];
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    },
  });
});
afterAll(() => scoped.rig.close());

test("a watch ends within five seconds of its caller's last grant", async () => {
  const { password } = await scoped.admin.access.createUser({ email: "ann@example.org", role: "none" });
  const cookie = await signedIn("ann@example.org", password);
  await scoped.admin.access.grantRole({ email: "ann@example.org", role: "viewer", cluster: "games" });
  const events = await fetch(`${scoped.rig.plane.url}/api/v1/events`, {
    headers: { cookie, accept: "text/event-stream" },
  });
  expect(events.status).toBe(200);
  const begunMs = systemClock.bootMs();
  await scoped.admin.access.ungrantRole({ email: "ann@example.org", role: "viewer", cluster: "games" });
  const text = await events.text();
  expect(systemClock.bootMs() - begunMs).toBeLessThan(5_000);
  expect(text).toMatch(/event: error\ndata: .*permission_denied/);
  const after = await fetch(`${scoped.rig.plane.url}/api/v1/containers`, { headers: { cookie } });
  expect(after.status).toBe(403);
}, 20_000);

test("a grant for one more thing ends a watch with the code that makes its caller list again", async () => {
  const { password } = await scoped.admin.access.createUser({ email: "bob@example.org", role: "none" });
  const cookie = await signedIn("bob@example.org", password);
  await scoped.admin.access.grantRole({ email: "bob@example.org", role: "viewer", container: "arena" });
  const events = await fetch(`${scoped.rig.plane.url}/api/v1/events`, {
    headers: { cookie, accept: "text/event-stream" },
  });
  await scoped.admin.access.grantRole({ email: "bob@example.org", role: "viewer", container: "shop" });
  expect(await events.text()).toMatch(/event: error\ndata: .*too_far_behind/);
}, 20_000);

async function signedIn(email: string, password: string): Promise<string> {
  const post = (path: string, body: object, cookie: string) =>
    fetch(`${scoped.rig.plane.url}/api/auth/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: scoped.rig.plane.url, cookie },
      body: JSON.stringify(body),
    });
  const cookieOf = (answer: Response) => (answer.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
  const cookie = cookieOf(await post("sign-in/email", { email, password }, ""));
  const newPassword = "a password of my own";
  await post("change-password", { currentPassword: password, newPassword }, cookie);
  return cookie;
}

test("the output of a container ends within five seconds of the grant for it, whatever else its reader may", async () => {
  const { password } = await scoped.admin.access.createUser({ email: "eve@example.org", role: "none" });
  const cookie = await signedIn("eve@example.org", password);
  const grant = (container: string) => ({ email: "eve@example.org", role: "developer", container });
  await scoped.admin.access.grantRole(grant("arena"));
  await scoped.admin.access.grantRole(grant("shop"));
  const transport = createConnectTransport({
    baseUrl: scoped.rig.plane.url,
    httpVersion: "1.1",
    interceptors: [
      (next) => (request) => {
        request.header.set("cookie", cookie);
        return next(request);
      },
    ],
  });
  const lines: string[] = [];
  let begunMs = 0;
  const ended = (async () => {
    for await (const { text } of createClient(ContainerService, transport).streamLogs({ id: "arena", follow: true })) {
      lines.push(text);
      begunMs = systemClock.bootMs();
      await scoped.admin.access.ungrantRole(grant("arena"));
    }
  })();
  const error = ConnectError.from(await ended.catch((thrown: unknown) => thrown));
  expect([lines, error.code]).toEqual([["still here"], Code.NotFound]);
  expect(systemClock.bootMs() - begunMs).toBeLessThan(5_000);
}, 20_000);

test("a watch that shows nothing of what happens says how far it has come, under an id that a browser resumes from", async () => {
  const { token } = await scoped.holder("quiet", "viewer@container=arena");
  const abort = new AbortController();
  const events = await fetch(`${scoped.rig.plane.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${token}`, accept: "text/event-stream" },
    signal: abort.signal,
  });
  await scoped.rig.operations.commit([{ type: "of-shop", containerId: scoped.shopId }]);
  const newest = scoped.rig.operations.newestSequence();
  let text = "";
  for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("event: progress")) break;
  }
  abort.abort();
  expect(text).toContain(`event: progress\nid: ${newest}\ndata: {"asOf":"${newest}"}`);
  expect(text).not.toContain("of-shop");
}, 20_000);
