import type { Mutant, MutantEdit } from "./mutant.ts";

const AGENT = "lease/src/agent-lease.ts";
const GIVER = "lease/src/vote-giver.ts";
const LEDGER = "lease/src/node-ledger.ts";
const MEMBERSHIP = "lease/src/membership.ts";
const NEXT = "coordinator/src/domain/membership/next-membership.ts";
const WATCH = "coordinator/src/runtime/node-watch.ts";

/** An agent that has said goodbye takes itself for one without lease, though its lease may hold for a while. */
const leaverVotes: readonly MutantEdit[] = [
  {
    file: GIVER,
    find: "return { silentUntilMs: Math.max(giver.silentUntilMs, nowMs + stretched(membership.policy.leaseMs)) };",
    replace: "return { silentUntilMs: nowMs < 0 ? giver.silentUntilMs : Number.NEGATIVE_INFINITY };",
  },
  {
    file: GIVER,
    find: "if (lease.softEndMs !== null && nowMs < lease.softEndMs) {",
    replace: "if (giver.silentUntilMs !== Number.NEGATIVE_INFINITY && nowMs < (lease.softEndMs ?? 0)) {",
  },
];

/** A restarted agent gives its vote at once: what the leader still counts of its lease, it has forgotten. */
export const restartedVotes: readonly MutantEdit[] = [
  {
    file: GIVER,
    find: "return { silentUntilMs: remembered.softEndMs };",
    replace: "return { silentUntilMs: nowMs };",
  },
  {
    file: GIVER,
    find: "return { silentUntilMs: nowMs + stretched(membership.policy.leaseMs) };",
    replace: "return { silentUntilMs: nowMs };",
  },
  {
    file: GIVER,
    find: "if (lease.softEndMs !== null && nowMs < lease.softEndMs) {",
    replace: "if (lease.grantedFromMs !== null && nowMs < (lease.softEndMs ?? 0)) {",
  },
];

/** Mistakes in who votes, who proves a death, and in which sets that is asked. */
export const proofMutants: readonly Mutant[] = [
  {
    name: "vote-after-goodbye",
    rule: "An agent that has said goodbye gives no vote while its lease may still be counted",
    ground: { scenes: ["a voter leaves unheard while it is asked"], nodes: 3, profile: "dense" },
    edits: leaverVotes,
  },
  {
    name: "coverage-of-the-dead",
    // With the goodbye heard the votes alone break nothing: what the leader still counts of the leaver must come to it.
    rule: "A node whose session is over proves nothing",
    ground: { scenes: ["a voter leaves while it is asked"], nodes: 3, profile: "dense" },
    edits: [
      ...leaverVotes,
      {
        file: WATCH,
        find: 'return ledger && ledger.phase !== "dead" ? ledger.coverage : null;',
        replace: "return ledger?.coverage ?? null;",
      },
    ],
  },
  {
    name: "coverage-survives-a-restart",
    // In reach of the leader the votes alone break nothing: its Hello must not leave the coverage as it was.
    rule: "A new incarnation starts without coverage",
    ground: { scenes: ["a voter restarts in reach while it is asked"], nodes: 3, profile: "dense" },
    edits: [
      ...restartedVotes,
      {
        file: LEDGER,
        find: "left: wasDead ? [] : ledger.left,\n    coverage: null,",
        replace: "left: wasDead ? [] : ledger.left,",
      },
    ],
  },
  {
    name: "grace-at-the-soft-end",
    rule: "heldFor begins anew after the smallest gap",
    ground: { scenes: ["a heartbeat comes a moment too late"], nodes: 3, profile: "default" },
    edits: [
      {
        file: AGENT,
        find: "nowMs < lease.softEndMs;\n  return {\n    ...lease,\n    sent:",
        replace:
          "nowMs < lease.softEndMs + (lease.membership?.policy.intervalMs ?? 0);\n  return {\n    ...lease,\n    sent:",
      },
    ],
  },
  {
    name: "confirmed-to-the-hard-end",
    rule: "What a heartbeat confirms ends with the soft end, from which on its sender may vote",
    ground: { scenes: ["a node is cut off and a voter soon after"], nodes: 3, profile: "dense" },
    edits: [
      {
        file: AGENT,
        find: "remainingMs: Math.floor(softEndMs - nowMs) };",
        replace: "remainingMs: Math.floor((lease.hardEndMs ?? softEndMs) - nowMs) };",
      },
    ],
  },
  {
    name: "membership-confirmed-before-journal",
    // The journal is always one epoch behind, as if each run of the agent died between taking one up and writing it.
    rule: "An epoch is journaled before the agent believes in it and confirms it",
    ground: { scenes: ["two nodes that hear each other alone are started anew"], nodes: 4, profile: "large" },
    edits: [
      {
        file: "agent/src/node/node-agent.ts",
        find: 'await journal.append({ kind: "membership", membership });',
        replace:
          "const before = this.#lease.lease.membership;\n" +
          '    if (before) await journal.append({ kind: "membership", membership: before });',
      },
    ],
  },
  {
    name: "epoch-left-when-told",
    rule: "An epoch is left when the node confirms the next one, not when it is told of it",
    ground: { scenes: ["a voter joins while two are deaf"], nodes: 4, profile: "default" },
    edits: [
      {
        file: LEDGER,
        find: "confirmedEpoch: confirms || (goesBack && known) ? membershipEpoch : goesBack ? null : ledger.confirmedEpoch,",
        replace: "confirmedEpoch: presentEpoch(history).epoch,",
      },
    ],
  },
  {
    name: "history-forgotten",
    rule: "A group keeps every epoch that somebody may still believe in",
    ground: { scenes: ["a voter joins while two are cut off"], nodes: 4, profile: "default" },
    edits: [
      {
        file: NEXT,
        find: "if (believers.some(({ confirmedEpoch, leaving }) => confirmedEpoch === null || leaving)) return history;",
        replace: "",
      },
      {
        file: NEXT,
        find: "history.filter(({ epoch }) => epoch >= lowest && epoch !== present.epoch);",
        replace: "history.filter(({ epoch }) => epoch >= lowest && epoch > present.epoch);",
      },
    ],
  },
  {
    name: "new-leader-takes-present-set",
    rule: "A new leader reckons with every epoch from the one that a node is known to have confirmed",
    ground: {
      scenes: ["a leader falls after a voter has joined and two were cut off"],
      nodes: 4,
      profile: "default",
    },
    edits: [
      {
        file: "coordinator/src/runtime/fleet-runtime.ts",
        find: "confirmedEpoch: confirmedEpochs.get(facts.id) ?? null,",
        replace: "confirmedEpoch: confirmedEpochs && (this.state.membership(facts.clusterId)?.at(-1)?.epoch ?? null),",
      },
    ],
  },
  {
    name: "set-of-one",
    // A group without voters proves no death: when the other node dies as well before there are two again, it stays so.
    rule: "A set never shrinks below two voters",
    ground: { scenes: ["a node is away for long"], lasting: ["power off"], nodes: 2, profile: "fast" },
    edits: [
      {
        file: NEXT,
        find: "if (chosen.length < VOTERS_MIN && !chosen.some(({ nodeId }) => nodeId === voter.nodeId)) chosen.push(voter);",
        replace: "if (chosen.length < 0) chosen.push(voter);",
      },
    ],
  },
  {
    name: "strangers-count-themselves",
    // Nine vote at most: of eleven nodes two do not.
    rule: "A node that is no voter does not count itself for its majority",
    ground: { scenes: ["five nodes see each other and their peers"], nodes: 11, profile: "default" },
    edits: [
      {
        file: MEMBERSHIP,
        find: "return isVoter(membership, nodeId) ? majority - 1 : majority;",
        replace: 'return nodeId === "" ? majority : majority - 1;',
      },
    ],
  },
  {
    name: "granted-while-fencing",
    rule: "Nothing is acknowledged from before a fence hook is called until its outcome is decided",
    ground: { scenes: ["a node is silent for a moment"], nodes: 3, profile: "large" },
    edits: [
      {
        file: WATCH,
        find: "if (!watched || watched.offAfterMs !== null || this.#fencing?.holds(nodeId)) return false;",
        replace: "if (!watched) return false;",
      },
    ],
  },
];
