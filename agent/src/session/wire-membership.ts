import type { Membership, LeasePolicy as WirePolicy } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { completePolicy, type LeasePolicy, policyProblems } from "@lormas/lease/lease-policy.ts";
import { type MembershipEpoch, VOTERS_MAX } from "@lormas/lease/membership.ts";
import { readHostPort } from "../peers/peer-address.ts";

/** The group as the lease core takes it, or what is wrong with it. */
export function membershipFrom(wire: Membership | undefined): MembershipEpoch | string {
  if (!wire) return "the coordinator gave no voting group";
  const epoch = Number(wire.epoch);
  if (!Number.isSafeInteger(epoch) || epoch < 1) return `the coordinator's voting group has no epoch: ${wire.epoch}`;
  if (wire.voters.length > VOTERS_MAX) {
    return `the coordinator's voting group has ${wire.voters.length} voters, at most ${VOTERS_MAX} may be`;
  }
  if (new Set(wire.voters.map(({ nodeId }) => nodeId)).size < wire.voters.length) {
    return "the coordinator's voting group has a voter twice: one node would count as two";
  }
  const policy = policyFrom(wire.policy);
  if (typeof policy === "string") return policy;
  const voters = wire.voters.map(({ nodeId, nodeName, peerAddress }) => {
    // What that node said of itself; a mistake there makes it one that cannot be asked, and nothing worse.
    const address = readHostPort(peerAddress);
    const isDialable = address !== null && address.port > 0 && address.host !== "";
    return { nodeId, nodeName, peerAddress: isDialable ? peerAddress : "" };
  });
  return { epoch, voters, policy };
}

function policyFrom(wire: WirePolicy | undefined): LeasePolicy | string {
  if (!wire) return "the coordinator gave no lease policy";
  const { profile, intervalMs, leaseMs, killMs, voteMs, survival, unfenced } = wire;
  const policy = completePolicy({
    profile,
    intervalMs,
    leaseMs,
    killMs,
    ...(voteMs > 0 ? { voteMs } : {}),
    survival,
    selfFencing: !unfenced,
  });
  const problems = policyProblems(policy);
  return problems.length > 0 ? `the coordinator's lease policy is unsafe: ${problems.join("; ")}` : policy;
}
