import { ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { pino } from "pino";
import { expect, test } from "vitest";
import { ManualClock } from "../../runtime/manual-clock.ts";
import { codeOf } from "../api-error.ts";
import { FakeWatchSource } from "./fake-watch-source.ts";
import {
  GAP_WAIT_MS,
  HEALTH_INTERVAL_MS,
  HEALTH_PAGE_PAUSE_MS,
  PAGE_CHANGES_MAX,
  POLL_INTERVAL_MS,
  WatchHub,
} from "./watch-hub.ts";
import { type WatchView, WHOLE_FLEET } from "./watch-view.ts";

const log = pino({ level: "silent" });
/** Lets everything that is ready run; nothing here waits for a real timer. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function rig(limits: { changesMax?: number; unseenMax?: number; watchersMax?: number } = {}) {
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
      for await (const { message } of hub.watch(after, abort.signal, WHOLE_FLEET)) {
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
  const lazy = hub.watch(null, new AbortController().signal, WHOLE_FLEET);
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
  const lazy = hub.watch(null, new AbortController().signal, WHOLE_FLEET);
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
  // Before the stream stands: one that had opened would be come back to for ever.
  expect([old.opened, future.opened]).toEqual([null, null]);
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
  const lazy = hub.watch(null, new AbortController().signal, WHOLE_FLEET);
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

test("of a large fleet health comes page after page, and from the first one again two seconds after it", async () => {
  const { source, clock, hub } = rig();
  source.healthPages = ["a", "b", "c"];
  const abort = new AbortController();
  const named: string[] = [];
  const done = (async () => {
    for await (const { message } of hub.watch(null, abort.signal, WHOLE_FLEET)) {
      if (message?.case === "health") for (const { name } of message.value.nodes ?? []) named.push(String(name));
    }
  })();
  await settle();
  expect(named).toEqual(["a"]);
  await clock.advance(HEALTH_PAGE_PAUSE_MS - 1, settle);
  expect(named).toEqual(["a"]);
  await clock.advance(1, settle);
  await clock.advance(HEALTH_PAGE_PAUSE_MS, settle);
  expect(named).toEqual(["a", "b", "c"]);
  await clock.advance(HEALTH_INTERVAL_MS - 2 * HEALTH_PAGE_PAUSE_MS - 1, settle);
  expect(named).toEqual(["a", "b", "c"]);
  await clock.advance(1, settle);
  expect(named).toEqual(["a", "b", "c", "a"]);
  abort.abort();
  await done;
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

const GAMES = { clusterIds: ["games"], containerId: null };
const ELSEWHERE = { clusterIds: ["elsewhere"], containerId: null };
/** Shows what happens in games. */
const IN_GAMES: WatchView = {
  change: ({ change, places }) => (places.event.clusterIds.includes("games") ? change : null),
  health: ({ sample }) => sample,
};

/** Commits, quietly, this many events of others. */
const commitElsewhere = (source: FakeWatchSource, count: number): void => {
  source.place = ELSEWHERE;
  for (let n = 0; n < count; n += 1) source.commit(true);
};

/** What a watch of games says until it ends: "opened 3", "progress 500", "change 501 after 3". */
function told(hub: WatchHub, after: bigint) {
  const abort = new AbortController();
  const said: string[] = [];
  let error: string | null = null;
  const done = (async () => {
    for await (const { message } of hub.watch(after, abort.signal, IN_GAMES)) {
      if (message?.case === "opened" || message?.case === "progress")
        said.push(`${message.case} ${message.value.asOf}`);
      if (message?.case === "change")
        said.push(`change ${message.value.event?.sequence} after ${message.value.follows}`);
    }
  })().catch((thrown: unknown) => {
    error = codeOf(ConnectError.from(thrown));
  });
  return {
    said,
    async end() {
      abort.abort();
      await done;
    },
    get error() {
      return error;
    },
  };
}

test("who may not see what has happened meanwhile is told page by page how far the watch has come", async () => {
  const { source, hub } = rig();
  commitElsewhere(source, PAGE_CHANGES_MAX * 2);
  source.place = GAMES;
  source.commit(true);
  const watcher = told(hub, 0n);
  await settle();
  const [page, both] = [PAGE_CHANGES_MAX, PAGE_CHANGES_MAX * 2];
  // A change follows the last one that was told: progress in between is none, for clients that do not know it.
  expect(watcher.said).toEqual(["opened 0", `progress ${page}`, `progress ${both}`, `change ${both + 1} after 0`]);
  await watcher.end();
});

test("an open watch that shows nothing says with each health how far it has come, and once", async () => {
  const { source, clock, hub } = rig();
  const watcher = told(hub, 0n);
  await settle();
  source.place = ELSEWHERE;
  for (let n = 0; n < 3; n += 1) source.commit();
  await clock.advance(HEALTH_INTERVAL_MS * 3, settle);
  expect(watcher.said).toEqual(["opened 0", "progress 3"]);
  source.place = GAMES;
  source.commit();
  await clock.advance(HEALTH_INTERVAL_MS * 2, settle);
  expect(watcher.said).toEqual(["opened 0", "progress 3", "change 4 after 0"]);
  await watcher.end();
});

test("who comes from so far back that none of the bound is for him must list again; one less is read", async () => {
  const bound = PAGE_CHANGES_MAX * 2;
  const { source, hub } = rig({ unseenMax: bound });
  commitElsewhere(source, bound);
  const at = told(hub, 0n);
  await settle();
  expect([at.said.at(-1), at.error]).toEqual([`progress ${bound}`, null]);
  await at.end();
  commitElsewhere(source, 1);
  const over = told(hub, 0n);
  await settle();
  expect([over.said.at(-1), over.error]).toEqual([`progress ${bound}`, "too_far_behind"]);
  // Who comes back from where it said that it was is not sent away for ever.
  const again = told(hub, BigInt(bound));
  await settle();
  expect([again.said.at(-1), again.error]).toEqual([`progress ${bound + 1}`, null]);
  await again.end();
});

test("who may see everything is told of no progress, and reads on however far back it begins", async () => {
  const { source, hub } = rig({ unseenMax: PAGE_CHANGES_MAX });
  for (let n = 0; n < PAGE_CHANGES_MAX * 3; n += 1) source.commit(true);
  const watcher = follow(hub, 0n);
  await settle();
  expect(watcher.seen).toHaveLength(PAGE_CHANGES_MAX * 3);
  expect(watcher.kinds).not.toContain("progress");
  watcher.abort.abort();
  await watcher.done;
});
