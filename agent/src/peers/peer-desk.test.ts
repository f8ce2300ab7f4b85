import { ackReceived, heartbeatSent, membershipAdopted, noLease } from "@lormas/lease/agent-lease.ts";
import { LEASE_PROFILES, stretched } from "@lormas/lease/lease-policy.ts";
import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { PeerDesk } from "./peer-desk.ts";
import type { PeerQuestion } from "./peer-plane.ts";

const POLICY = LEASE_PROFILES.fast;
const MEMBERSHIP = { epoch: 4, voters: [], policy: POLICY };
const QUESTION: PeerQuestion = {
  nodeId: "asker",
  incarnation: "run 9",
  voterNodeId: "voter",
  askedMs: 123,
  membershipEpoch: 3,
};
const joined = membershipAdopted(noLease("voter"), MEMBERSHIP, 0);

test("gives its vote past its own soft end, echoes the question and tells its epoch", () => {
  const clock = handClock(10_000);
  const lease = ackReceived(heartbeatSent(joined, 1n, 10_000), 1n, 10_010);
  const desk = new PeerDesk(() => lease, { deadlineMs: null, softEndMs: 9_000 }, clock);
  clock.advance(POLICY.leaseMs / 2 - 1);
  expect(desk.answer(QUESTION)).toEqual({
    voterNodeId: "voter",
    incarnation: "run 9",
    askedMs: 123,
    withoutLease: false,
    reason: "this node holds a lease",
    membershipEpoch: 4,
  });
  clock.advance(1);
  expect(desk.answer(QUESTION)).toMatchObject({ withoutLease: true, reason: "" });
  expect(desk.counts).toEqual({ given: 1, declined: 1 });
});

test("restarted lately, gives no vote until what it may have held has run out", () => {
  const clock = handClock(10_000);
  const desk = new PeerDesk(() => joined, null, clock);
  const silentMs = Math.ceil(stretched(POLICY.leaseMs));
  clock.advance(silentMs - 1);
  expect(desk.answer(QUESTION)).toMatchObject({ withoutLease: false, reason: expect.stringContaining("lately") });
  clock.advance(1);
  expect(desk.answer(QUESTION).withoutLease).toBe(true);
});

test("restarted, gives its vote from the soft end on that its guard remembers", () => {
  const clock = handClock(10_000);
  const desk = new PeerDesk(() => joined, { deadlineMs: 10_900, softEndMs: 10_100 }, clock);
  expect(desk.answer(QUESTION).withoutLease).toBe(false);
  clock.advance(100);
  expect(desk.answer(QUESTION).withoutLease).toBe(true);
});

test("after a goodbye gives no vote for as long as what it confirmed may be counted", () => {
  const clock = handClock(10_000);
  const desk = new PeerDesk(() => joined, { deadlineMs: 9_000, softEndMs: 9_000 }, clock);
  expect(desk.answer(QUESTION).withoutLease).toBe(true);
  desk.goodbye();
  expect(desk.answer(QUESTION).withoutLease).toBe(false);
  clock.advance(Math.ceil(stretched(POLICY.leaseMs)));
  expect(desk.answer(QUESTION).withoutLease).toBe(true);
});

test("asked for another node, says so and gives none", () => {
  const desk = new PeerDesk(() => joined, { deadlineMs: 0, softEndMs: 0 }, handClock(10_000));
  expect(desk.answer({ ...QUESTION, voterNodeId: "somebody" })).toMatchObject({
    voterNodeId: "voter",
    withoutLease: false,
    reason: expect.stringContaining("this is node voter"),
  });
});
