import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { LeaseKeeper } from "./lease-keeper.ts";

const POLICY = LEASE_PROFILES.fast;

function rig() {
  const clock = handClock(10_000);
  const guard = new InProcessGuard();
  let enforced = 0;
  const enforce = () => {
    enforced += 1;
  };
  const membership = { epoch: 1, voters: [], policy: POLICY };
  const lease = new LeaseKeeper({ nodeId: "node", membership, clock, timers: clock.timers, guard, enforce });
  return { clock, guard, lease, enforced: () => enforced };
}

test("grants from the time of sending: starts until the soft end, kills from the hard end on", async () => {
  const { clock, lease, guard, enforced } = rig();
  lease.sending(1n);
  clock.advance(300);
  await lease.acknowledged(1n);
  expect(guard.deadlineMs).toBe(10_000 + POLICY.leaseMs);
  clock.advance(499);
  expect(lease.mayStart()).toBe(true);
  clock.advance(1);
  expect(lease.mayStart()).toBe(false);
  clock.advance(799);
  expect(enforced()).toBe(0);
  clock.advance(1);
  expect(enforced()).toBe(1);
  clock.advance(1_000);
  expect(enforced()).toBeGreaterThan(5);
});

test("does not take a grant that the guard has not stored", async () => {
  const { lease, guard } = rig();
  guard.answering = false;
  lease.sending(1n);
  await lease.acknowledged(1n);
  expect(lease.mayStart()).toBe(false);
  expect(lease.confirmation().lastAckSeen).toBe(0n);
});

test("a fresh agent keeps the deadline that the guard holds for its predecessor", () => {
  const { clock, lease, guard, enforced } = rig();
  guard.deadlineMs = 11_000;
  expect(lease.mayStart()).toBe(false);
  clock.advance(999);
  expect(enforced()).toBe(0);
  clock.advance(501);
  expect(enforced()).toBeGreaterThan(0);
});

test("a closed lease kills nothing any more", async () => {
  const { clock, lease, enforced } = rig();
  lease.sending(1n);
  await lease.acknowledged(1n);
  lease.close();
  clock.advance(60_000);
  expect(enforced()).toBe(0);
});
