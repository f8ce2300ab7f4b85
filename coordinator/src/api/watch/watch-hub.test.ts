import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { pino } from "pino";
import { expect, test } from "vitest";
import { ManualClock } from "../../runtime/manual-clock.ts";
import { codeOf } from "../api-error.ts";
import { FakeWatchSource } from "./fake-watch-source.ts";
import { GAP_WAIT_MS, HEALTH_INTERVAL_MS, POLL_INTERVAL_MS, WatchHub } from "./watch-hub.ts";

const log = pino({ level: "silent" });
/** Lets everything that is ready run; nothing here waits for a real timer. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function rig(limits: { changesMax?: number; watchersMax?: number } = {}) {
  const source = new FakeWatchSource();
  const clock = new ManualClock();
  const hub = new WatchHub({ source, clock, log, ...limits });
  return { source, clock, hub };
}

/** Reads a watch into an array until it ends. */
function follow(hub: WatchHub, after: bigint | null, limit = Number.POSITIVE_INFINITY) {
  const abort = new AbortController();
  const seen: bigint[] = [];
  const kinds: string[] = [];
  let opened: bigint | null = null;
  let error: string | null = null;
  let ended = false;
  const done = (async () => {
    try {
      for await (const { message } of hub.watch(after, abort.signal)) {
        if (message === undefined) continue;
        kinds.push(message.case ?? "");
        if (message.case === "opened") opened = message.value.asOf ?? null;
        if (message.case === "change") seen.push(message.value.event?.sequence ?? -1n);
        if (seen.length >= limit) break;
      }
    } catch (thrown) {
      error = codeOf(ConnectError.from(thrown));
    } finally {
      ended = true;
    }
  })();
  return {
    abort,
    seen,
    kinds,
    done,
    get opened() {
      return opened;
    },
    get error() {
      return error;
    },
    get ended() {
      return ended;
    },
  };
}

const range = (from: number, to: number): bigint[] =>
  Array.from({ length: to - from + 1 }, (_, index) => BigInt(from + index));

test("a watcher gets everything after its number, in order, then what is committed", async () => {
  const { source, hub } = rig();
  for (let n = 0; n < 1_234; n += 1) source.commit(true);
  const watcher = follow(hub, 7n);
  await settle();
  source.commit();
  source.commit();
  await settle();
  expect(watcher.kinds[0]).toBe("opened");
  expect(watcher.opened).toBe(7n);
  expect(watcher.seen).toEqual(range(8, 1_236));
  watcher.abort.abort();
  await watcher.done;
  expect(watcher.error).toBeNull();
});

test("a watcher without a number gets only what is committed from now on", async () => {
  const { source, hub } = rig();
  source.commit();
  const watcher = follow(hub, null);
  await settle();
  source.commit();
  await settle();
  expect([watcher.opened, watcher.seen]).toEqual([1n, [2n]]);
  hub.stop();
  await watcher.done;
  expect(watcher.error).toBe("shutting_down");
});

test("no number is missing or twice, however commits, reads, failures and reconnects interleave", async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant("commit" as const) },
    { weight: 2, arbitrary: fc.constant("quiet" as const) },
    { weight: 2, arbitrary: fc.constant("join" as const) },
    { weight: 2, arbitrary: fc.constant("reconnect" as const) },
    { weight: 1, arbitrary: fc.constant("fail" as const) },
    { weight: 2, arbitrary: fc.constant("yield" as const) },
    { weight: 1, arbitrary: fc.constant("poll" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(3), async (steps, slowness) => {
      const { source, clock, hub } = rig();
      source.beforeRead = async () => {
        for (let turn = 0; turn < slowness; turn += 1) await Promise.resolve();
      };
      type Client = { from: bigint; got: bigint[]; now: ReturnType<typeof follow> };
      const clients: Client[] = [];
      const newestOf = (client: Client): bigint => client.now.seen.at(-1) ?? client.got.at(-1) ?? client.from;
      for (const action of steps) {
        if (action === "commit") source.commit();
        if (action === "quiet") source.commit(true);
        if (action === "fail") source.failures += 1;
        if (action === "yield") await Promise.resolve();
        if (action === "poll") await clock.advance(POLL_INTERVAL_MS, settle);
        if (action === "join") {
          const from = await source.newest();
          clients.push({ from, got: [], now: follow(hub, from) });
        }
        if (action === "reconnect") {
          for (const client of clients) {
            client.now.abort.abort();
            await client.now.done;
            client.got.push(...client.now.seen);
            client.now = follow(hub, client.got.at(-1) ?? client.from);
          }
        }
      }
      source.failures = 0;
      // A watcher whose catch-up failed was told so, and comes again.
      await settle();
      for (const client of clients) {
        if (!client.now.ended) continue;
        client.got.push(...client.now.seen);
        client.now = follow(hub, newestOf(client));
      }
      await clock.advance(POLL_INTERVAL_MS * 2, settle);
      for (const client of clients) {
        const all = [...client.got, ...client.now.seen];
        expect(all).toEqual(range(Number(client.from) + 1, Number(await source.newest())));
        client.now.abort.abort();
      }
      await Promise.all(clients.map((client) => client.now.done));
      expect(hub.watcherCount).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test("a watcher that does not read ends at the bound and delays nobody", async () => {
  const { source, hub } = rig({ changesMax: 10 });
  const lazy = hub.watch(null, new AbortController().signal);
  expect((await lazy.next()).value?.message?.case).toBe("opened");
  const joined = lazy.next();
  const quick = follow(hub, null);
  await settle();
  source.commit();
  await joined;
  for (let n = 0; n < 20; n += 1) {
    source.commit();
    await settle();
  }
  expect(quick.seen).toEqual(range(1, 21));
  const error = await lazy.next().then(
    () => null,
    (thrown: unknown) => codeOf(ConnectError.from(thrown)),
  );
  expect(error).toBe("too_far_behind");
  quick.abort.abort();
  await quick.done;
});

test("exactly as many changes as the bound allows may wait", async () => {
  const { source, hub } = rig({ changesMax: 10 });
  const lazy = hub.watch(null, new AbortController().signal);
  const nextChange = async (): Promise<bigint | undefined> => {
    for (;;) {
      const { value } = await lazy.next();
      if (value?.message?.case === "change") return value.message.value.event?.sequence;
    }
  };
  await lazy.next();
  const first = nextChange();
  await settle();
  source.commit();
  expect(await first).toBe(1n);
  for (let n = 0; n < 10; n += 1) source.commit();
  await settle();
  for (let n = 2n; n <= 11n; n += 1n) expect(await nextChange()).toBe(n);
  await lazy.return(undefined);
});

test("who asks for what is no longer kept, or was never there, is told to list again", async () => {
  const { source, hub } = rig();
  for (let n = 0; n < 20; n += 1) source.commit();
  source.forget(10n);
  const old = follow(hub, 5n);
  const future = follow(hub, 21n);
  const fine = follow(hub, 10n);
  await settle();
  expect([old.error, future.error]).toEqual(["too_far_behind", "too_far_behind"]);
  expect(fine.seen).toEqual(range(11, 20));
  fine.abort.abort();
  await fine.done;
});

test("a number that never comes ends the watchers after a while; those who come again go on behind it", async () => {
  const { source, clock, hub } = rig();
  const watcher = follow(hub, null);
  await settle();
  source.commit(true);
  source.commit(true);
  source.lose(1n);
  await clock.advance(POLL_INTERVAL_MS, settle);
  expect([watcher.seen, watcher.ended]).toEqual([[], false]);
  await clock.advance(GAP_WAIT_MS + POLL_INTERVAL_MS, settle);
  expect(watcher.error).toBe("too_far_behind");
  const again = follow(hub, 2n);
  await settle();
  source.commit();
  await settle();
  expect(again.seen).toEqual([3n]);
  again.abort.abort();
  await again.done;
});

test("health comes every two seconds, and an older one that was not read makes room", async () => {
  const { clock, hub } = rig();
  const watcher = follow(hub, null);
  await clock.advance(HEALTH_INTERVAL_MS * 3, settle);
  expect(watcher.kinds.filter((kind) => kind === "health").length).toBeGreaterThanOrEqual(3);
  const lazy = hub.watch(null, new AbortController().signal);
  await lazy.next();
  const first = lazy.next();
  await clock.advance(HEALTH_INTERVAL_MS * 5, settle);
  await first;
  const second = lazy.next();
  await settle();
  expect((await second).value?.message?.case).toBe("health");
  let third = false;
  const pending = lazy.next().then(() => {
    third = true;
  });
  await settle();
  expect(third, "only the newest sample waited").toBe(false);
  hub.stop();
  await pending.catch(() => {});
  await watcher.done;
});

test("while nobody watches nothing is read", async () => {
  const { source, clock, hub } = rig();
  source.commit();
  await clock.advance(POLL_INTERVAL_MS * 10, settle);
  expect(source.reads).toBe(0);
  const watcher = follow(hub, null);
  await settle();
  watcher.abort.abort();
  await watcher.done;
  const { reads } = source;
  source.commit();
  await clock.advance(POLL_INTERVAL_MS * 10, settle);
  expect(source.reads).toBe(reads);
});

test("one watcher too many is refused", async () => {
  const { hub } = rig({ watchersMax: 2 });
  const [a, b] = [follow(hub, null), follow(hub, null)];
  await settle();
  const c = follow(hub, null);
  await settle();
  expect(c.error).toBe("watchers_full");
  a.abort.abort();
  await a.done;
  const d = follow(hub, null);
  await settle();
  expect(d.error).toBeNull();
  hub.stop();
  await Promise.all([b.done, d.done]);
  expect([b.error, d.error]).toEqual(["shutting_down", "shutting_down"]);
  const late = follow(hub, null);
  await late.done;
  expect(late.error).toBe("shutting_down");
});
