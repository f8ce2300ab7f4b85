import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../clock.ts";
import { FAILING_MS_MAX, followView, LOOK_AT_LEAST_MS, LOOK_PAUSE_MS } from "./follow-view.ts";

/** A clock that moves only by what is waited for. */
function jumpingClock(): Clock & { readonly waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    nowMs: () => nowMs,
    sleep: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
    after: (ms, callback) => {
      let cancelled = false;
      setImmediate(() => {
        if (cancelled) return;
        waits.push(ms);
        nowMs += ms;
        callback();
      });
      return () => {
        cancelled = true;
      };
    },
  };
}

const untilAborted = (_: () => void, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

describe("following a thing", () => {
  it("looks again after a change, at most twice a second however many come, and ends with the signal", async () => {
    const clock = jumpingClock();
    const end = new AbortController();
    const shown: number[] = [];
    await followView({
      clock,
      signal: end.signal,
      changes: async (onChange, signal) => {
        for (let count = 0; count < 1_000; count += 1) onChange();
        await untilAborted(onChange, signal);
      },
      look: async () => shown.length,
      show: (view) => {
        shown.push(view);
        if (view === 1) end.abort();
      },
    });
    expect(shown).toEqual([0, 1]);
    expect(clock.waits).toEqual([LOOK_PAUSE_MS]);
  });

  it("looks every ten seconds where no change is heard of", async () => {
    const clock = jumpingClock();
    const end = new AbortController();
    let looks = 0;
    await followView({
      clock,
      signal: end.signal,
      changes: untilAborted,
      look: async () => (looks += 1),
      show: (view) => {
        if (view === 3) end.abort();
      },
    });
    expect(clock.waits).toEqual([LOOK_PAUSE_MS, LOOK_AT_LEAST_MS, LOOK_PAUSE_MS, LOOK_AT_LEAST_MS]);
  });

  it("rests five times as long as a slow look took", async () => {
    const clock = jumpingClock();
    const end = new AbortController();
    let looks = 0;
    await followView({
      clock,
      signal: end.signal,
      changes: untilAborted,
      look: async () => {
        looks += 1;
        if (looks === 2) await clock.sleep(2_000);
        return looks;
      },
      show: (view) => {
        if (view === 3) end.abort();
      },
    });
    expect(clock.waits).toEqual([LOOK_PAUSE_MS, LOOK_AT_LEAST_MS, 2_000, 10_000, LOOK_AT_LEAST_MS]);
  });

  it("bears a coordinator that does not answer for 30 s, and no longer", async () => {
    const clock = jumpingClock();
    let looks = 0;
    const gone = followView({
      clock,
      signal: new AbortController().signal,
      changes: untilAborted,
      look: async () => {
        looks += 1;
        if (looks > 1) throw new ConnectError("gone", Code.Unavailable);
      },
      show: () => {},
    });
    await expect(gone).rejects.toThrow("gone");
    const failing = clock.nowMs() - LOOK_PAUSE_MS - LOOK_AT_LEAST_MS;
    expect(failing).toBeGreaterThanOrEqual(FAILING_MS_MAX);
    expect(failing).toBeLessThan(FAILING_MS_MAX + 2 * LOOK_PAUSE_MS);
  });

  it("ends at once with what the first look, a refusal or the stream of changes says", async () => {
    const base = { clock: jumpingClock(), signal: new AbortController().signal, show: () => {} };
    const fails = async () => {
      throw new ConnectError("no", Code.PermissionDenied);
    };
    await expect(followView({ ...base, changes: untilAborted, look: fails })).rejects.toThrow("no");
    await expect(followView({ ...base, changes: fails, look: async () => 1 })).rejects.toThrow("no");
  });
});
