import { afterAll, beforeAll, expect, test } from "vitest";
import { ADMIN_TOKEN_NAME } from "../identity/admin-token.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import { type PublicPlaneRig, startPublicPlaneRig } from "./public-plane-rig.ts";

let rig: PublicPlaneRig;
beforeAll(async () => {
  rig = await startPublicPlaneRig();
});
afterAll(() => rig.close());

type Sse = { readonly event: string; readonly id: string | null; readonly data: Record<string, unknown> };

const bearer = () => ({ authorization: `Bearer ${rig.token}` });
const ask = (query = "", headers: Record<string, string> = bearer(), signal?: AbortSignal) =>
  fetch(`${rig.plane.url}/api/v1/events${query}`, {
    headers: { accept: "text/event-stream", ...headers },
    ...(signal ? { signal } : {}),
  });

/** Server-sent events as they arrive, as a browser takes them apart. */
async function* eventsOf(answer: Response): AsyncGenerator<Sse> {
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = new Map(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => line.split(/: (.*)/s, 2) as [string, string]),
      );
      text = text.slice(end + 2);
      const data = JSON.parse(fields.get("data") ?? "") as Record<string, unknown>;
      yield { event: fields.get("event") ?? "", id: fields.get("id") ?? null, data };
    }
  }
}

const typeOf = ({ data }: Sse) => (data["event"] as { type: string }).type;

test("a stream opens, then brings every change under its sequence number, and health", async () => {
  const abort = new AbortController();
  const answer = await ask("", bearer(), abort.signal);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const seen: Sse[] = [];
  for await (const one of eventsOf(answer)) {
    if (one.event === "opened") await rig.operations.commit([{ type: "a" }, { type: "line\nbreak" }]);
    seen.push(one);
    if (seen.some(({ event }) => event === "health") && seen.filter(({ event }) => event === "change").length === 2) {
      break;
    }
  }
  abort.abort();
  const [opened, ...later] = seen;
  expect(opened).toMatchObject({ event: "opened", data: { asOf: opened?.id } });
  const changes = later.filter(({ event }) => event === "change");
  expect(changes.map(typeOf)).toEqual(["a", "line\nbreak"]);
  expect(changes.map(({ id }) => BigInt(id ?? ""))).toEqual([
    BigInt(opened?.id ?? "") + 1n,
    BigInt(opened?.id ?? "") + 2n,
  ]);
  expect(later.find(({ event }) => event === "health")).toMatchObject({ id: null, data: { nodes: expect.any(Array) } });
});

test("whoever comes back goes on where it was, although its address still names where it began", async () => {
  await rig.operations.commit([{ type: "one" }, { type: "two" }, { type: "three" }]);
  const newest = (await rig.database.database.orm.em.fork().execute("select max(sequence) as n from event"))[0] as {
    n: string;
  };
  const seen: string[] = [];
  const headers = { ...bearer(), "last-event-id": String(BigInt(newest.n) - 2n) };
  for await (const one of eventsOf(await ask("?after=0", headers))) {
    if (one.event === "change") seen.push(typeOf(one));
    if (seen.length === 2) break;
  }
  expect(seen).toEqual(["two", "three"]);
  const whole: string[] = [];
  for await (const one of eventsOf(await ask(`?after=${BigInt(newest.n) - 3n}`))) {
    if (one.event === "change") whole.push(typeOf(one));
    if (whole.length === 3) break;
  }
  expect(whole).toEqual(["one", "two", "three"]);
});

test("a stream that cannot begin is answered with its status and an error that names the field", async () => {
  for (const [query, headers, field] of [
    ["?after=soon", {}, "after"],
    ["?after=18446744073709551616", {}, "after"],
    ["?after=1&after=2", {}, "after"],
    ["?node=web", {}, "node"],
    ["", { "last-event-id": "-1" }, "Last-Event-ID"],
  ] as const) {
    const answer = await ask(query, { ...bearer(), ...headers });
    expect([query, answer.status]).toEqual([query, 400]);
    expect(await answer.json()).toMatchObject({
      error: { code: "invalid_argument", field, message: expect.stringContaining(field) },
    });
  }
  const stranger = await ask("", {});
  expect(stranger.status).toBe(401);
  expect(await stranger.json()).toMatchObject({ error: { code: "unauthenticated" } });
  const post = await fetch(`${rig.plane.url}/api/v1/events`, {
    method: "POST",
    headers: { ...bearer(), accept: "text/event-stream" },
  });
  expect(post.status).toBe(405);
});

test("who asks for events that are no longer kept is told to list again", async () => {
  await rig.operations.commit([{ type: "old" }, { type: "older" }, { type: "new" }]);
  const em = rig.database.database.orm.em.fork();
  await em.execute("delete from event where sequence < (select max(sequence) from event)");
  const answer = await ask("?after=1");
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: { code: "too_far_behind", nextStep: expect.stringContaining("List again") },
  });
});

test("the same address without that media type lists events as before", async () => {
  const answer = await fetch(`${rig.plane.url}/api/v1/events`, { headers: { ...bearer(), accept: "*/*" } });
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(await answer.json()).toMatchObject({ events: expect.any(Array) });
});

test("a stream whose token is revoked says so as its last event, and the next one is refused", async () => {
  const answer = await ask();
  let last: Sse | null = null;
  for await (const one of eventsOf(answer)) {
    if (one.event === "opened")
      await new ApiTokenStore(rig.database.database.orm, systemClock).revoke(ADMIN_TOKEN_NAME);
    last = one;
  }
  expect(last).toMatchObject({ event: "error", data: { error: { code: "unauthenticated" } } });
  expect((await ask()).status).toBe(401);
});
