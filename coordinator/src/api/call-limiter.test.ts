import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ADDRESSES_MAX } from "../agents/attempt-limiter.ts";
import { ManualClock } from "../runtime/manual-clock.ts";
import { BURST_SECONDS, CallLimiter } from "./call-limiter.ts";

const ci = { kind: "token", name: "ci" } as const;
const settled = async () => {};

function refusal(call: () => void): ConnectError {
  try {
    call();
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it was not refused");
}

test("a caller may call five seconds' worth at once, then as often as a second allows, and is told how long to wait", async () => {
  const clock = new ManualClock();
  const limiter = new CallLimiter(4, clock);
  for (let count = 0; count < 4 * BURST_SECONDS; count += 1) limiter.countCaller(ci);
  const refused = refusal(() => limiter.countCaller(ci));
  expect(refused.code).toBe(Code.ResourceExhausted);
  expect(refused.metadata.get("retry-after")).toBe("1");
  expect(refused.rawMessage).toContain("token ci");
  await clock.advance(249, settled);
  refusal(() => limiter.countCaller(ci));
  await clock.advance(1, settled);
  limiter.countCaller(ci);
  refusal(() => limiter.countCaller(ci));
});

test("callers do not share an allowance, a user not with a token of the same name, hosts of one IPv6 network do", () => {
  const limiter = new CallLimiter(1, new ManualClock());
  const use = (call: () => void): void => {
    for (let count = 0; count < BURST_SECONDS; count += 1) call();
  };
  use(() => limiter.countCaller(ci));
  use(() => limiter.countCaller({ kind: "session", name: "ci" }));
  use(() => limiter.countCaller({ kind: "token", name: "other" }));
  use(() => limiter.countAddress({ remoteAddress: "2001:db8::1", host: "" }));
  refusal(() => limiter.countAddress({ remoteAddress: "2001:db8::2", host: "" }));
  use(() => limiter.countAddress({ remoteAddress: "2001:db8:0:1::1", host: "" }));
});

test("no more than 10,000 callers are remembered", () => {
  const limiter = new CallLimiter(1, new ManualClock());
  for (let index = 0; index <= ADDRESSES_MAX; index += 1) limiter.countCaller({ kind: "token", name: `t${index}` });
  expect(limiter.callers).toBe(ADDRESSES_MAX);
});

test("0 is no limit", () => {
  const limiter = new CallLimiter(0, new ManualClock());
  for (let count = 0; count < 10_000; count += 1) limiter.countCaller(ci);
  expect(limiter.callers).toBe(0);
});
