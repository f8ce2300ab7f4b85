import { create } from "@bufbuild/protobuf";
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
  HelloSchema,
  ResourcesSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import { expect, test } from "vitest";
import { handClock } from "../clock/hand-clock.ts";
import { InProcessGuard } from "../guard-client/in-process-guard.ts";
import { heartbeatSession } from "./heartbeat-session.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { StreamCall } from "./stream-call.ts";

type Call = StreamCall<HeartbeatRequest, HeartbeatResponse>;

const wireGroup = (epoch: number, { profile, intervalMs, leaseMs, killMs, selfFencing }: LeasePolicy) => ({
  epoch: BigInt(epoch),
  voters: [],
  policy: { profile, intervalMs, leaseMs, killMs, survival: true, unfenced: !selfFencing },
});

/**
 * A coordinator that acknowledges every heartbeat at once, and tells of its group with the next one; an agent that takes the
 * new group up at once, or only collects it.
 */
function rig(policy: LeasePolicy, takesUp: "at once" | "later") {
  const clock = handClock(10_000);
  const guard = new InProcessGuard();
  let enforced = 0;
  let hear: (response: HeartbeatResponse) => void = () => undefined;
  let group = wireGroup(1, policy);
  let told = 1n;
  const say = (message: Parameters<typeof create<typeof HeartbeatResponseSchema>>[1]) =>
    queueMicrotask(() => hear(create(HeartbeatResponseSchema, message)));
  const call: Call = {
    write({ message }) {
      if (message.case === "hello") {
        say({ message: { case: "welcome", value: { term: 1n, session: 1n, membership: group } } });
      } else if (message.case === "heartbeat") {
        const news = group.epoch === told ? {} : { membership: group };
        told = group.epoch;
        const { sequence } = message.value;
        say({ message: { case: "ack", value: { sequence, term: 1n, session: 1n, ...news } } });
      }
    },
    end: () => undefined,
    cancel: () => undefined,
    on: (event: string, listener: (message: never) => void) => {
      if (event === "data") hear = listener as (response: HeartbeatResponse) => void;
    },
    once: () => undefined,
  };
  const lease = new LeaseKeeper({
    nodeId: "node",
    membership: { epoch: 1, voters: [], policy },
    clock,
    timers: clock.timers,
    guard,
    enforcement: {
      kill: () => {
        enforced += 1;
      },
      thaw: () => true,
    },
  });
  const offered: MembershipEpoch[] = [];
  let sequence = 0n;
  void heartbeatSession({
    call,
    hello: create(HelloSchema, {}),
    lease,
    clock,
    timers: clock.timers,
    nextSequence: () => {
      sequence += 1n;
      return sequence;
    },
    facts: () => ({
      session: 1n,
      usage: create(ResourcesSchema, {}),
      guarded: true,
      runtimeReady: true,
      membershipEpoch: BigInt(lease.lease.membership?.epoch ?? 0),
      elapsedMs: 0n,
    }),
    welcomed: () => null,
    regrouped: (membership) => {
      offered.push(membership);
      if (takesUp === "at once") void lease.adopt(membership);
    },
    objection: () => null,
    grants: () => true,
    signal: new AbortController().signal,
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  const regroup = (next: LeasePolicy): void => {
    group = wireGroup(Number(group.epoch) + 1, next);
  };
  return { pass, regroup, lease, offered, beats: () => Number(sequence), enforced: () => enforced };
}

test("until its journal has a slower epoch an agent beats as the lease asks that it is still granted", async () => {
  const { pass, regroup, lease, offered, beats, enforced } = rig(LEASE_PROFILES.lan, "later");
  await pass(1_000);
  regroup(LEASE_PROFILES.large);
  // The disk takes three seconds for the new epoch, far longer than a lease of the old one.
  await pass(3_000);
  expect(offered).toMatchObject([{ epoch: 2, policy: { profile: "large" } }]);
  expect(lease.mayStart()).toBe(true);
  expect(enforced()).toBe(0);
  await lease.adopt(offered[0] as MembershipEpoch);
  await pass(200);
  const before = beats();
  await pass(4_000);
  expect(beats() - before).toBe(4);
  expect(enforced()).toBe(0);
});

test("an agent that is fenced from now on beats before its first deadline, however slow its pace was", async () => {
  const { pass, regroup, lease, enforced } = rig({ ...LEASE_PROFILES.patient, selfFencing: false }, "at once");
  await pass(2_600);
  regroup(LEASE_PROFILES.fast);
  await pass(10_000);
  expect(lease.lease.membership?.epoch).toBe(2);
  expect(lease.mayStart()).toBe(true);
  expect(enforced()).toBe(0);
});
