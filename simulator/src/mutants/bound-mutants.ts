import type { Mutant, MutantEdit } from "./mutant.ts";

const POLICY = "lease/src/lease-policy.ts";

/**
 * A new leader gives nodes that it has not heard yet 8 s to find it, which no rule of safety asks for: short leases are over by
 * then whatever the terms did. Alone this breaks nothing.
 */
const noGrace: readonly MutantEdit[] = [
  {
    file: "coordinator/src/runtime/node-watch.ts",
    find: "export const TERM_START_GRACE_MS = 8_000;",
    replace: "export const TERM_START_GRACE_MS = 0;",
  },
];

const votesMayBeShort: MutantEdit = {
  file: POLICY,
  find: "if (voteMs < 2 * intervalMs) {",
  replace: "if (voteMs < 0) {",
};

/** Mistakes in the figures: inequalities between them that do not hold, each with the check that would refuse it. */
export const boundMutants: readonly Mutant[] = [
  {
    name: "few-heartbeats-a-lease",
    rule: "L ≥ 8 heartbeats",
    ground: { scenes: [], lasting: ["power off"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: POLICY,
        find: "intervalMs: choice.intervalMs,",
        replace: "intervalMs: Math.ceil(choice.leaseMs * 0.55),",
      },
      { file: POLICY, find: "if (leaseMs < HEARTBEATS_PER_LEASE_MIN * intervalMs) {", replace: "if (leaseMs < 0) {" },
      votesMayBeShort,
    ],
  },
  {
    name: "votes-shorter-than-asking",
    rule: "v ≥ 2 heartbeats",
    ground: { scenes: ["the control plane alone is away for long"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: POLICY,
        find: "voteMs: choice.voteMs ?? Math.floor(choice.leaseMs / 2),",
        replace: "voteMs: Math.floor(choice.intervalMs * 0.9),",
      },
      votesMayBeShort,
    ],
  },
  {
    name: "statements-without-bound",
    rule: "Statements and open transactions end before the leader's lease does",
    ground: { scenes: ["a takeover meets a commit"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "coordinator/src/store/database-config.ts",
        find: "STATEMENT_TIMEOUT_MS = 1_500;\nexport const IDLE_IN_TRANSACTION_TIMEOUT_MS = 1_500;",
        replace: "STATEMENT_TIMEOUT_MS = 600_000;\nexport const IDLE_IN_TRANSACTION_TIMEOUT_MS = 600_000;",
      },
    ],
  },
  {
    name: "takeover-wait-shortened",
    rule: "A standby stretches TTL by what clock rates may differ, and does not shorten it",
    ground: { scenes: ["the leader is long on an island with a node"], nodes: 3, profile: "lan" },
    edits: [
      ...noGrace,
      {
        file: "coordinator/src/domain/leadership/leader-lease.ts",
        find: "(ttlMs * (1 + CLOCK_RATE_ERROR_MAX)) / (1 - CLOCK_RATE_ERROR_MAX)",
        replace: "(ttlMs * (1 - CLOCK_RATE_ERROR_MAX)) / (1 + CLOCK_RATE_ERROR_MAX)",
      },
    ],
  },
  {
    name: "leader-counts-from-answer",
    rule: "A leader's lease counts from its asking, not from the database's answer",
    ground: {
      scenes: ["a leader hears late from its database and is then on an island"],
      nodes: 3,
      profile: "lan",
    },
    edits: [
      ...noGrace,
      {
        file: "coordinator/src/runtime/leadership-keeper.ts",
        find: "this.#lease = { ...this.#lease, askedMs };",
        replace: "this.#lease = { ...this.#lease, askedMs: clock.bootMs() };",
      },
    ],
  },
  {
    name: "slower-pace-at-once",
    rule: "While a profile changes a node beats at the faster of both paces",
    ground: { scenes: ["a policy changes on a slow disk"], nodes: 3, profile: "lan" },
    edits: [
      {
        file: "agent/src/session/heartbeat-session.ts",
        find: "const intervalMs = Math.min(policy.intervalMs, lease.lease.membership?.policy.intervalMs ?? policy.intervalMs);",
        replace: "const { intervalMs } = policy;",
      },
    ],
  },
];
