import type { Mutant } from "./mutant.ts";
import { restartedVotes } from "./proof-mutants.ts";

const POLICY = "lease/src/lease-policy.ts";
const AGENT = "lease/src/agent-lease.ts";
const GIVER = "lease/src/vote-giver.ts";
const GUARD = "lease/src/guard-lease.ts";
const LEDGER = "lease/src/node-ledger.ts";
const COVERAGE = "lease/src/lease-coverage.ts";
const MEMBERSHIP = "lease/src/membership.ts";
const DEATH = "lease/src/death-rule.ts";

/** Mistakes in the arithmetic of leases, votes and deaths. */
export const leaseMutants: readonly Mutant[] = [
  {
    name: "wait-without-clock-rates",
    rule: "W is stretched by what clock rates may differ",
    ground: { scenes: ["a node is cut off"], nodes: 3, profile: "dense" },
    edits: [
      {
        file: POLICY,
        find: "Math.max(Math.ceil(stretched(policy.leaseMs + policy.killMs)), policy.unhealthyMs);",
        replace: "policy.leaseMs + policy.killMs;",
      },
    ],
  },
  {
    name: "wait-without-kill-time",
    rule: "W covers the time that killing takes",
    ground: { scenes: ["a node is cut off"], nodes: 3, profile: "default" },
    edits: [
      {
        file: POLICY,
        find: "Math.max(Math.ceil(stretched(policy.leaseMs + policy.killMs)), policy.unhealthyMs);",
        replace: "stretched(policy.leaseMs);",
      },
    ],
  },
  {
    name: "votes-outlive-the-wait",
    rule: "(v + K)(1 + ρ)/(1 − ρ) ≤ W",
    ground: { scenes: ["two nodes hear each other alone"], nodes: 3, profile: "default" },
    edits: [
      {
        file: POLICY,
        find: "voteMs: choice.voteMs ?? Math.floor(choice.leaseMs / 2),",
        replace: "voteMs: choice.leaseMs * 2,",
      },
      { file: POLICY, find: "if (votesOverMs > leaseOverMs) {", replace: "if (votesOverMs < 0) {" },
    ],
  },
  {
    name: "no-soft-end",
    rule: "From sent + L/2 on an agent counts as without lease and may vote",
    ground: { scenes: ["the control plane alone is away for long"], nodes: 3, profile: "fast" },
    edits: [{ file: POLICY, find: "return leaseMs / 2;", replace: "return leaseMs;" }],
  },
  {
    name: "grant-counts-from-receipt",
    rule: "A grant counts from the sending of the heartbeat, not from the arrival of its acknowledgement",
    ground: { scenes: ["acknowledgements on their way"], nodes: 3, profile: "default" },
    edits: [
      {
        file: AGENT,
        find: "const grant = grantOf(lease, sequence);\n  if (!answered",
        replace:
          "const counted = grantOf(lease, sequence);\n  const late = nowMs - (answered?.sentMs ?? 0);\n" +
          "  const grant = counted && { softEndMs: counted.softEndMs + late, hardEndMs: counted.hardEndMs + late };\n  if (!answered",
      },
    ],
  },
  {
    name: "newest-asking-counts",
    rule: "The hard end moves to the oldest asking of the majority + v, not to the newest",
    ground: { scenes: ["two nodes hear each other alone"], nodes: 5, profile: "default" },
    edits: [
      {
        file: AGENT,
        find: "newestFirst[needed - 1];",
        replace: "votes.length >= needed ? newestFirst[0] : undefined;",
      },
    ],
  },
  {
    name: "vote-counts-from-receipt",
    rule: "A vote counts from the asking, not from the arrival of the answer",
    ground: { scenes: ["two nodes hear each other alone"], nodes: 5, profile: "default" },
    edits: [
      {
        file: AGENT,
        find: "oldestOfMajority + membership.policy.voteMs;",
        replace: "nowMs + membership.policy.voteMs;",
      },
    ],
  },
  {
    name: "half-the-voters-suffice",
    rule: "A node survives only by more than half of the voters",
    ground: { scenes: ["two nodes see each other and their peers"], nodes: 4, profile: "default" },
    edits: [
      {
        file: MEMBERSHIP,
        find: "return isVoter(membership, nodeId) ? majority - 1 : majority;",
        replace: "return Math.max(1, (isVoter(membership, nodeId) ? majority - 1 : majority) - 1);",
      },
    ],
  },
  {
    name: "late-votes-revive",
    rule: "A vote that comes once the killing has begun changes nothing",
    ground: { scenes: ["votes come after the killing"], nodes: 3, profile: "fast" },
    edits: [
      { file: AGENT, find: "nowMs >= softEndMs && nowMs < hardEndMs &&", replace: "nowMs >= softEndMs &&" },
      {
        file: GUARD,
        find: "if (guardMustKill(lease, nowMs) && !isNewer) return",
        replace: "if (guardMustKill(lease, nowMs) && !isNewer && nowMs < 0) return",
      },
    ],
  },
  {
    name: "vote-while-holding",
    rule: "Only a node without lease gives its vote",
    ground: { scenes: ["a node sees its peers alone"], nodes: 3, profile: "default" },
    edits: [{ file: GIVER, find: "nowMs < lease.softEndMs) {", replace: "nowMs < lease.softEndMs - 1e9) {" }],
  },
  {
    name: "vote-after-restart",
    rule: "A restarted agent gives no vote until what it may have held has run out",
    ground: { scenes: ["a voter restarts while it is asked"], nodes: 3, profile: "dense" },
    edits: restartedVotes,
  },
  {
    name: "no-majority-for-death",
    rule: "The leader declares a death only with a majority of confirmed leases",
    ground: { scenes: ["two nodes see each other and their peers"], nodes: 3, profile: "default" },
    edits: [{ file: DEATH, find: "if (confirmed < needed) return", replace: "if (confirmed < 0) return" }],
  },
  {
    name: "one-voter-too-few",
    rule: "The leader needs more than half of voters and leader",
    ground: { scenes: ["two nodes see each other and their peers"], nodes: 3, profile: "default" },
    edits: [
      {
        file: MEMBERSHIP,
        find: "Math.floor((voters.length + 1) / 2);",
        replace: "Math.floor((voters.length + 1) / 2) - 1;",
      },
    ],
  },
  {
    name: "only-the-present-set",
    rule: "The leader asks every set that the node may still believe in",
    ground: { scenes: ["a voter joins while two are cut off"], nodes: 4, profile: "default" },
    edits: [
      {
        file: DEATH,
        find: "for (const membership of believedEpochs(history, ledger.confirmedEpoch)) {",
        replace: "for (const membership of believedEpochs(history, ledger.confirmedEpoch).slice(-1)) {",
      },
    ],
  },
  {
    name: "unconfirmed-leases-count",
    rule: "Only leases that voters themselves confirmed count for the leader's majority",
    ground: { scenes: ["two nodes see each other and their peers"], nodes: 3, profile: "default" },
    edits: [
      {
        file: COVERAGE,
        find: "return coverage !== null && coverage.fromMs <= nowMs - lengthMs && coverage.untilMs >= nowMs;",
        replace: "return coverage !== null;",
      },
    ],
  },
  {
    name: "majority-of-the-moment",
    rule: "Leases must have been held for the whole of the last W, not only now",
    ground: { scenes: ["heartbeats arrive late together"], nodes: 3, profile: "default" },
    edits: [
      {
        file: COVERAGE,
        find: "coverage.fromMs <= nowMs - lengthMs && coverage.untilMs >= nowMs;",
        replace: "coverage.untilMs >= nowMs;",
      },
    ],
  },
  {
    name: "coverage-from-receipt",
    rule: "What a heartbeat confirms ahead counts from the acknowledgement that it had seen, not from its receipt",
    ground: { scenes: ["heartbeats arrive late together"], nodes: 3, profile: "default" },
    edits: [
      {
        file: COVERAGE,
        find: "const untilMs = seenAckSentMs + shortened(confirmation.remainingMs);",
        replace: "const untilMs = receivedMs + (seenAckSentMs > 0 ? 1.2 : 1.2) * confirmation.remainingMs;",
      },
    ],
  },
  {
    name: "duplicates-acknowledged",
    rule: "A heartbeat whose number does not rise is dropped, not acknowledged again",
    ground: { scenes: ["heartbeats come again"], nodes: 3, profile: "default" },
    edits: [
      {
        file: LEDGER,
        find: "heartbeat.sequence <= ledger.lastSequence) return drop;",
        replace: "heartbeat.sequence < 0n) return drop;",
      },
    ],
  },
  {
    name: "acknowledged-while-deciding",
    rule: "Between deciding a death and knowing the outcome the leader acknowledges nothing",
    ground: { scenes: ["a node is heard while its death is decided"], nodes: 3, profile: "lan" },
    edits: [
      {
        file: LEDGER,
        find: 'if (ledger.phase === "deciding" || ledger.phase === "dead") return drop;',
        replace: 'if (ledger.phase === "dead") return drop;',
      },
    ],
  },
  {
    name: "deaf-nodes-acknowledged",
    // An agent that hears nothing gives its stream up by itself after a lease: both must be missing for it to go on like that.
    rule: "A node that shows for 2 L that it hears no acknowledgement is not acknowledged any more",
    ground: { scenes: [], lasting: ["deafen node"], nodes: 3, profile: "fast" },
    edits: [
      { file: LEDGER, find: "deafForMs > 2 * longestLeaseMs", replace: "deafForMs > 2_000_000 * longestLeaseMs" },
      {
        file: "agent/src/session/heartbeat-session.ts",
        find: "if (silentMs > Math.max(SILENCE_MIN_MS, policy.leaseMs)) {",
        replace: "if (silentMs > 1_000 * Math.max(SILENCE_MIN_MS, policy.leaseMs)) {",
      },
    ],
  },
  {
    name: "left-policies-forgotten",
    rule: "For one W more the leader respects the policy of an epoch that a node has left",
    ground: { scenes: ["a node is cut off after its policy has changed"], nodes: 3, profile: "large" },
    edits: [
      {
        file: LEDGER,
        find: "for (const left of ledger.left) if (left.untilMs > nowMs) longestMs = Math.max(longestMs, left.waitMs);",
        replace: "",
      },
    ],
  },
  {
    name: "only-the-present-wait",
    rule: "W is the longest of every epoch that the node may still believe in",
    ground: { scenes: ["a node is cut off before its policy changes"], nodes: 3, profile: "large" },
    edits: [
      {
        file: LEDGER,
        find: "if (ledger.confirmedEpoch === null || epoch >= ledger.confirmedEpoch)\n      longestMs",
        replace: "if (epoch === history.at(-1)?.epoch)\n      longestMs",
      },
    ],
  },
  {
    name: "coverage-joined-over-gaps",
    rule: "What two heartbeats prove is joined only where it meets",
    ground: { scenes: ["heartbeats arrive late together"], nodes: 3, profile: "default" },
    edits: [
      {
        file: COVERAGE,
        find: "proven.fromMs <= before.untilMs && before.fromMs <= proven.untilMs",
        replace: "before.fromMs <= proven.untilMs",
      },
    ],
  },
  {
    name: "held-through-a-gap",
    rule: "heldFor begins anew when an acknowledgement comes at or after the soft end",
    ground: { scenes: ["heartbeats arrive late together"], nodes: 3, profile: "default" },
    edits: [
      {
        file: AGENT,
        find: "heldSinceMs: unbroken ? lease.heldSinceMs : nowMs,",
        replace: "heldSinceMs: lease.heldSinceMs ?? nowMs,",
      },
    ],
  },
  {
    name: "new-leader-counts-on",
    rule: "A new leader starts W afresh",
    ground: { scenes: ["a leader falls and a node does not hear the next"], nodes: 3, profile: "default" },
    edits: [
      {
        file: LEDGER,
        find: "    countsFromMs: nowMs,\n    heard: false,",
        replace: "    countsFromMs: nowMs - 3_600_000,\n    heard: true,",
      },
    ],
  },
  {
    name: "record-of-another-boot",
    rule: "The guard's record counts in the boot in which it was made only",
    ground: { scenes: ["a node reboots while it is cut off"], nodes: 3, profile: "default" },
    edits: [
      { file: GUARD, find: "if (!record || record.bootId !== bootId || ", replace: "if (!record || bootId === '' || " },
    ],
  },
  {
    name: "guard-without-lease-lets-run",
    rule: "Without a valid record the guard kills",
    ground: { scenes: ["the guard loses its record"], nodes: 3, profile: "default" },
    edits: [
      {
        file: GUARD,
        find: "return lease.deadlineMs === null || (lease.fenced",
        replace: "return lease.deadlineMs !== null && (lease.fenced",
      },
    ],
  },
];
