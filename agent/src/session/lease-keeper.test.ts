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
  let thawed = 0;
  const hands = { thawWorks: true };
  const enforcement = {
    kill: () => {
      enforced += 1;
    },
    thaw: () => {
      thawed += 1;
      return hands.thawWorks;
    },
  };
  const membership = { epoch: 1, voters: [], policy: POLICY };
  const lease = new LeaseKeeper({ nodeId: "node", membership, clock, timers: clock.timers, guard, enforcement });
  return { clock, guard, lease, hands, enforced: () => enforced, thawed: () => thawed };
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

test("a guard that was replaced is told all that the node holds, which may reach farther than the newest grant", async () => {
  const { clock, lease, guard, enforced } = rig();
  await lease.adopt({ epoch: 2, voters: [], policy: LEASE_PROFILES.large });
  lease.sending(1n);
  await lease.acknowledged(1n);
  const heldUntilMs = 10_000 + LEASE_PROFILES.large.leaseMs;
  expect(guard.deadlineMs).toBe(heldUntilMs);
  await lease.adopt({ epoch: 3, voters: [], policy: POLICY });
  guard.deadlineMs = null;
  guard.softEndMs = null;
  lease.sending(2n);
  await lease.acknowledged(2n);
  // With less it would kill while this agent still goes by what it was granted before, and by votes that reach no farther.
  expect(guard.deadlineMs).toBe(heldUntilMs);
  clock.advance(LEASE_PROFILES.large.leaseMs - 1);
  expect(enforced()).toBe(0);
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

test("what it froze at the hard end is thawed by the next lease that the guard has stored, once", async () => {
  const { clock, lease, guard, enforced, thawed } = rig();
  lease.sending(1n);
  await lease.acknowledged(1n);
  const before = thawed();
  clock.advance(POLICY.leaseMs);
  expect(enforced()).toBeGreaterThan(0);
  lease.sending(2n);
  guard.answering = false;
  await lease.acknowledged(2n);
  expect(thawed()).toBe(before);
  guard.answering = true;
  await lease.acknowledged(2n);
  expect(thawed()).toBe(before + 1);
  lease.sending(3n);
  await lease.acknowledged(3n);
  expect(thawed()).toBe(before + 1);
});

test("what an agent before it froze is thawed by its own first lease, and again until that has worked", async () => {
  const { lease, guard, hands, thawed } = rig();
  guard.answering = false;
  lease.sending(1n);
  await lease.acknowledged(1n);
  expect(thawed()).toBe(0);
  guard.answering = true;
  hands.thawWorks = false;
  await lease.acknowledged(1n);
  expect(thawed()).toBe(1);
  hands.thawWorks = true;
  lease.sending(2n);
  await lease.acknowledged(2n);
  expect(thawed()).toBe(2);
  lease.sending(3n);
  await lease.acknowledged(3n);
  expect(thawed()).toBe(2);
});

test("a closed lease kills nothing any more", async () => {
  const { clock, lease, enforced } = rig();
  lease.sending(1n);
  await lease.acknowledged(1n);
  lease.close();
  clock.advance(60_000);
  expect(enforced()).toBe(0);
});
