import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LeasePolicySchema, MembershipSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { expect, test } from "vitest";
import { membershipFrom } from "./wire-membership.ts";

const FAST = { profile: "fast", intervalMs: 200, leaseMs: 1_600, killMs: 500, voteMs: 800, survival: true };
const voter = (n: number, peerAddress = `10.0.0.${n}:7446`) => ({
  nodeId: `n${n}`,
  nodeName: `node-${n}`,
  peerAddress,
});

function read(init: MessageInitShape<typeof MembershipSchema>, policy: Partial<typeof FAST> = {}) {
  const wire = create(LeasePolicySchema, { ...FAST, ...policy });
  return membershipFrom(create(MembershipSchema, { epoch: 3n, policy: wire, ...init }));
}

test("takes a group as it is; v is half of L where none is given", () => {
  expect(read({ voters: [voter(1), voter(2)] }, { voteMs: 0 })).toMatchObject({
    epoch: 3,
    voters: [voter(1), voter(2)],
    policy: { leaseMs: 1_600, voteMs: 800, survival: true, selfFencing: true },
  });
});

test.each([
  ["a lease of nothing", { leaseMs: 0 }, "above zero"],
  ["the longest lease that fits the wire, seven weeks", { leaseMs: 2 ** 32 - 1 }, "above the most, 3600000 ms"],
  ["heartbeats rarer than the lease bears", { intervalMs: 400 }, "below 8 heartbeats"],
  ["votes that outlive W", { voteMs: 9_000 }, "votes outlive the wait"],
  ["no time to kill", { killMs: 1 }, "kill time 1 ms"],
])("refuses %s, with the arithmetic", (_what, policy, text) => {
  const problem = read({ voters: [voter(1), voter(2)] }, policy);
  expect(problem).toContain("the coordinator's lease policy is unsafe: ");
  expect(problem).toContain(text);
});

test("refuses a group without an epoch, with a voter twice or with too many", () => {
  expect(read({ epoch: 0n })).toContain("no epoch");
  expect(read({ epoch: 2n ** 60n })).toContain("no epoch");
  expect(read({ voters: [voter(1), voter(1)] })).toContain("twice");
  expect(read({ voters: Array.from({ length: 10 }, (_, n) => voter(n)) })).toContain("10 voters, at most 9");
  expect(membershipFrom(undefined)).toContain("no voting group");
});

test("a voter whose address nobody can dial counts as one that cannot be asked", () => {
  const voters = ["", "unix:/tmp/x", "10.0.0.1", "10.0.0.1:0", ":7446", "a b:1"].map((text, n) => voter(n, text));
  expect(read({ voters })).toMatchObject({ voters: voters.map((one) => ({ ...one, peerAddress: "" })) });
  const good = [voter(1, "[fd00::1]:7446"), voter(2, "host-2.example:7446")];
  expect(read({ voters: good })).toMatchObject({ voters: good });
});
