import { expect, test } from "vitest";
import { ADDRESSES_MAX, AttemptLimiter } from "./attempt-limiter.ts";

const clock = () => ({
  nowMs: 0,
  bootMs(): number {
    return this.nowMs;
  },
  wallMs: () => 0,
  schedule: () => () => {},
});

test("an address may attempt as often as the burst allows, then once every refill", () => {
  const time = clock();
  const limiter = new AttemptLimiter({ burst: 2, refillMs: 1_000 }, time);
  expect([limiter.take("a"), limiter.take("a"), limiter.take("a")]).toEqual([0, 0, 1_000]);
  expect(limiter.take("b")).toBe(0);
  time.nowMs = 999;
  expect(limiter.take("a")).toBe(1);
  time.nowMs = 1_000;
  expect(limiter.take("a")).toBe(0);
  expect(limiter.take("a")).toBe(1_000);
});

test("an attempt that succeeded can be given back, never beyond the burst", () => {
  const limiter = new AttemptLimiter({ burst: 1, refillMs: 1_000 }, clock());
  limiter.take("a");
  limiter.giveBack("a");
  limiter.giveBack("a");
  expect([limiter.take("a"), limiter.take("a")]).toEqual([0, 1_000]);
});

test("beyond the bound the address that was quiet longest is forgotten", () => {
  const limiter = new AttemptLimiter({ burst: 1, refillMs: 1_000 }, clock());
  for (let i = 0; i <= ADDRESSES_MAX; i++) limiter.take(`address-${i}`);
  expect(limiter.addresses).toBe(ADDRESSES_MAX);
  expect(limiter.take("address-0")).toBe(0);
  expect(limiter.take(`address-${ADDRESSES_MAX}`)).toBeGreaterThan(0);
});
