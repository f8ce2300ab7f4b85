import type { Mutant, MutantEdit } from "./mutant.ts";

const GUARD = "agent/src/guard/guard.ts";
const KEEPER = "agent/src/session/lease-keeper.ts";
const NODE_AGENT = "agent/src/node/node-agent.ts";

/** What lands in the frozen parent runs on: the last fence behind those that keep it from being started. Alone this breaks little. */
export const lateStartsRun: readonly MutantEdit[] = [
  {
    file: GUARD,
    find: "this.#found = found;",
    replace: "this.#found = found;\n      if (found === 0) this.#hands.thaw();",
  },
  {
    file: KEEPER,
    find: "this.#enforcement.kill();",
    replace: "this.#enforcement.kill();\n        this.#enforcement.thaw();",
  },
];

/** Mistakes on one host: what agent and guard do with copies and journal around a lease and a session. */
export const hostMutants: readonly Mutant[] = [
  {
    name: "session-before-removal",
    rule: "A session is journaled after the containers of older ones are removed, not while they are",
    ground: { scenes: ["a start waits in the engine"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: NODE_AGENT,
        find: "await this.#executor.removeOlder(session);",
        replace: "void this.#executor.removeOlder(session).catch(() => undefined);",
      },
    ],
  },
  {
    name: "lease-before-session",
    rule: "An acknowledgement grants only in the session that the node has confirmed",
    ground: { scenes: ["a start waits in the engine"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: NODE_AGENT,
        find: "grants: (ack) => ack.session === journal.state.session && ack.session > journal.state.closedSession,",
        replace: "grants: (ack) => ack.session > 0n,",
      },
    ],
  },
  {
    name: "thaw-at-once",
    rule: "A guard that starts leaves frozen what it finds so, unless a lease holds",
    ground: { scenes: ["a guard is started anew over a frozen start"], nodes: 3, profile: "default" },
    edits: [
      {
        file: GUARD,
        find: "if (!guardMustKill(this.#lease, this.#clock.nowMs())) this.#hands.thaw();",
        replace: "this.#hands.thaw();",
      },
    ],
  },
  {
    name: "restart-without-votes",
    // Guard and freezing would each stop it as well; without the first edit the others break nothing in this scene.
    rule: "A crashed copy is started again only under a lease, or votes without a gap",
    ground: { scenes: ["a node is cut off"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "lease/src/agent-lease.ts",
        find: "return lease.hardEndMs !== null && nowMs < lease.hardEndMs;",
        replace: "return lease.hardEndMs !== null && nowMs >= 0;",
      },
      {
        file: GUARD,
        find: "if (group.ha && over && !adopt)",
        replace: "if (group.ha && over && !adopt && this.#closed)",
      },
      ...lateStartsRun,
    ],
  },
  {
    name: "journal-without-sync",
    rule: "What a node says of itself is on its disk before",
    ground: { scenes: ["a node forgets what it has closed"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "agent/src/journal/journal.ts",
        find: 'await this.#file.append(batch.map(({ record }) => encodeLine(record)).join(""));',
        replace:
          'void this.#file.append(batch.map(({ record }) => encodeLine(record)).join("")).catch(() => undefined);',
      },
    ],
  },
  {
    name: "agent-does-not-kill",
    rule: "One of agent and guard alive is enough: the agent kills while the guard is stopped",
    ground: { scenes: ["a node is cut off while its guard is stopped"], nodes: 3, profile: "default" },
    edits: [{ file: KEEPER, find: "this.#enforcement.kill();", replace: "" }],
  },
  {
    name: "guard-does-not-kill",
    rule: "One of agent and guard alive is enough: the guard kills while the agent is stopped",
    ground: { scenes: ["a node is cut off while its agent is stopped"], nodes: 3, profile: "default" },
    edits: [
      {
        file: GUARD,
        find: "const found = this.#hands.killHa(this.groups.filter((group) => group.ha));",
        replace: "const found = 0;",
      },
    ],
  },
];
