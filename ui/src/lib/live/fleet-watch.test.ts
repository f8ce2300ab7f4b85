import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { type WatchResponse, WatchResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterEach, describe, expect, test } from "vitest";
import type { ApiError } from "../api/api-error.ts";
import type { Connection } from "./connection.ts";
import { silenceMs } from "./connection.ts";
import { emptyFleet, type FleetState } from "./fleet-state.ts";
import { FleetWatch } from "./fleet-watch.ts";

/** A clock that a test moves; whoever waits is woken in order. */
class HandClock {
  now = 1_000_000;
  #waits: { at: number; run: () => void }[] = [];

  read = () => this.now;
  random = () => 0.5;
  after = (ms: number, run: () => void) => {
    const wait = { at: this.now + ms, run };
    this.#waits.push(wait);
    return () => {
      this.#waits = this.#waits.filter((other) => other !== wait);
    };
  };
  sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const cancel = this.after(ms, resolve);
      signal.addEventListener("abort", () => {
        cancel();
        resolve();
      });
    });
  async forward(ms: number) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const next = this.#waits.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#waits = this.#waits.filter((wait) => wait !== next);
      this.now = next.at;
      next.run();
    }
    this.now = end;
    await settle();
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A coordinator's two calls, in the test's hands. */
class HandSource {
  lists = 0;
  watches: bigint[] = [];
  listAsOf = 10n;
  #streams: { push: (message: WatchResponse) => void; fail: (cause: unknown) => void }[] = [];

  list = () => {
    this.lists += 1;
    return Promise.resolve({ asOf: this.listAsOf, nodes: [], containers: [], migrations: [], alerts: [], events: [] });
  };
  watch = (after: bigint): AsyncIterable<WatchResponse> => {
    this.watches.push(after);
    const ready: (() => Promise<IteratorResult<WatchResponse>>)[] = [];
    const waiting: ((step: () => Promise<IteratorResult<WatchResponse>>) => void)[] = [];
    const give = (step: () => Promise<IteratorResult<WatchResponse>>) => {
      const waiter = waiting.shift();
      if (waiter === undefined) ready.push(step);
      else waiter(step);
    };
    this.#streams.push({
      push: (value) => give(() => Promise.resolve({ done: false, value })),
      fail: (cause) => give(() => Promise.reject(cause)),
    });
    const next = (): Promise<IteratorResult<WatchResponse>> => {
      const step = ready.shift();
      if (step !== undefined) return step();
      return new Promise((resolve, reject) => waiting.push((late) => late().then(resolve, reject)));
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  };
  say(message: MessageInitShape<typeof WatchResponseSchema>["message"]) {
    this.#streams.at(-1)?.push(create(WatchResponseSchema, message === undefined ? {} : { message }));
  }
  event(sequence: bigint) {
    this.say({ case: "change", value: { event: { sequence } } });
  }
  fail(cause: unknown) {
    this.#streams.at(-1)?.fail(cause);
  }
}

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

async function begin() {
  const clock = new HandClock();
  const source = new HandSource();
  const seen = {
    state: emptyFleet as FleetState,
    connection: undefined as Connection | undefined,
    refused: [] as ApiError[],
  };
  const watch = new FleetWatch(source, clock, {
    onState: (state) => {
      seen.state = state;
    },
    onConnection: (connection) => {
      seen.connection = connection;
    },
    onRefused: (error) => seen.refused.push(error),
  });
  const stop = new AbortController();
  stops.push(stop);
  const ended = watch.run(stop.signal);
  await settle();
  return { clock, source, seen, watch, stop, ended };
}

const refusal = (code: Code, detail: string) =>
  new ConnectError("refused", code, undefined, [{ desc: ErrorDetailSchema, value: { code: detail, message: detail } }]);

describe("the fleet watch", () => {
  test("lists, then watches from where the lists stand", async () => {
    const { source, seen, clock } = await begin();
    expect(source.lists).toBe(1);
    expect(source.watches).toEqual([10n]);
    source.say({ case: "opened", value: { asOf: 10n } });
    source.event(11n);
    await clock.forward(100);
    expect(seen.state.asOf).toBe(11n);
    expect(seen.connection?.phase).toBe("open");
    expect(seen.connection?.error).toBeNull();
  });

  test("resumes from the last sequence seen after a break, without listing", async () => {
    const { source, clock, seen } = await begin();
    source.event(11n);
    source.event(12n);
    source.fail(new ConnectError("gone", Code.Unavailable));
    await settle();
    await settle();
    expect(seen.connection?.phase).toBe("waiting");
    expect(seen.connection?.retryAtMs).toBe(clock.now + 250);
    await clock.forward(250);
    expect(source.watches).toEqual([10n, 12n]);
    expect(source.lists).toBe(1);
  });

  test("resumes from where the watch said that it was, and takes that for a sign of life", async () => {
    const { source, clock, seen } = await begin();
    for (let page = 1n; page <= 3n; page += 1n) {
      await clock.forward(silenceMs - 1_000);
      source.say({ case: "progress", value: { asOf: 10n + page * 500n } });
    }
    await clock.forward(60);
    expect(source.watches).toEqual([10n]);
    expect([seen.state.asOf, seen.connection?.phase]).toEqual([1_510n, "open"]);
    source.fail(new ConnectError("gone", Code.Unavailable));
    await clock.forward(300);
    expect([source.watches, source.lists]).toEqual([[10n, 1_510n], 1]);
  });

  test("waits longer after every failed attempt, and no longer than its bound", async () => {
    const { source, clock, seen } = await begin();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      source.fail(new ConnectError("gone", Code.Unavailable));
      await settle();
      await settle();
      const waitMs = (seen.connection?.retryAtMs ?? 0) - clock.now;
      waits.push(waitMs);
      await clock.forward(waitMs);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 7_500, 7_500, 7_500]);
  });

  test("lists again when it is told that it is too far behind", async () => {
    const { source, clock } = await begin();
    source.listAsOf = 90n;
    source.fail(refusal(Code.OutOfRange, "too_far_behind"));
    await clock.forward(1_000);
    expect(source.lists).toBe(2);
    expect(source.watches).toEqual([10n, 90n]);
  });

  test("lists again when a number is missing", async () => {
    const { source, clock } = await begin();
    source.event(13n);
    await clock.forward(60);
    source.listAsOf = 14n;
    source.event(14n);
    await clock.forward(1_000);
    expect(source.watches).toEqual([10n, 14n]);
  });

  test("lists again when the numbering went back", async () => {
    const { source, clock } = await begin();
    source.listAsOf = 3n;
    source.say({ case: "opened", value: { asOf: 3n } });
    await clock.forward(1_000);
    expect(source.watches).toEqual([10n, 3n]);
  });

  test("gives up a stream that is silent and opens another", async () => {
    const { source, clock, seen } = await begin();
    source.event(11n);
    await clock.forward(silenceMs + 300);
    expect(source.watches).toEqual([10n, 11n]);
    expect(seen.connection?.error?.code).toBe("silence");
  });

  test("ends and says so once when the session is over", async () => {
    const { source, seen, ended } = await begin();
    source.fail(new ConnectError("sign in", Code.Unauthenticated));
    await ended;
    expect(seen.refused.map(({ code }) => code)).toEqual(["unauthenticated"]);
    expect(source.watches).toHaveLength(1);
  });

  test("goes on from the last sequence seen when it is run again after a stop", async () => {
    const { source, stop, ended, watch, clock } = await begin();
    source.event(11n);
    await clock.forward(60);
    stop.abort();
    source.fail(new ConnectError("aborted", Code.Canceled));
    await ended;
    const again = new AbortController();
    stops.push(again);
    void watch.run(again.signal);
    await settle();
    expect(source.watches).toEqual([10n, 11n]);
    expect(source.lists).toBe(1);
  });

  test("ends without a word when it is stopped", async () => {
    const { stop, ended, seen } = await begin();
    stop.abort();
    await ended;
    expect(seen.refused).toEqual([]);
  });
});
