import { lateStartsRun } from "./host-mutants.ts";
import type { Mutant, MutantEdit } from "./mutant.ts";

const GATE = "agent/src/executor/command-gate.ts";
const RELEASE = "agent/src/executor/start-release.ts";
const NODE_AGENT = "agent/src/node/node-agent.ts";
const LEADER = "coordinator/src/domain/leadership/leader-lease.ts";
const NODE = "coordinator/src/domain/node/node-machine.ts";
const INTAKE = "coordinator/src/runtime/fleet-intake.ts";
const STREAMS = "coordinator/src/agents/agent-streams.ts";
const MOVE = "coordinator/src/domain/migration/migration-region.ts";
const MOVE_ACTIONS = "coordinator/src/domain/migration/migration-actions.ts";
const REFUSALS = "coordinator/src/runtime/container-refusals.ts";
const LIFE = "coordinator/src/domain/container/life-region.ts";
const CHOICE = "coordinator/src/domain/placement/choose-node.ts";

/** A goodbye that was long on its way is heard although its sender has been followed by another run: one guard of several. */
const oldStreamsAreHeard: readonly MutantEdit[] = [
  {
    file: INTAKE,
    find: "async goodbye(nodeId: string, incarnation: string, session: number): Promise<void> {\n    this.#refuseStranger(nodeId, incarnation);",
    replace: "async goodbye(nodeId: string, _incarnation: string, session: number): Promise<void> {",
  },
  {
    file: STREAMS,
    find: "if (attachment.incarnation !== incarnation) this.#replace(attachment.stream);",
    replace: "",
  },
  {
    file: STREAMS,
    find: "if (older !== null) this.#replace(older.stream);\n    stream.write",
    replace: "stream.write",
  },
];

/** Mistakes in what has to be known before what is done: sessions, epochs, closing, terms, and the order of a migration. */
export const orderMutants: readonly Mutant[] = [
  {
    name: "old-sessions-obeyed",
    rule: "A command is obeyed only in its own session",
    ground: { scenes: ["an image comes late"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: GATE,
        find: "command.session !== journal.session || command.session <= journal.closedSession || command.session === 0n",
        replace: "command.session === 0n",
      },
      {
        file: RELEASE,
        find: "const current = order.session === journal.state.session && order.session > journal.state.closedSession;",
        replace: "const current = true;",
      },
    ],
  },
  {
    name: "closed-epochs-started",
    rule: "Nothing is started of an epoch that the journal has closed or passed",
    ground: { scenes: ["commands overtake each other"], nodes: 3, profile: "fast" },
    edits: [
      { file: GATE, find: "if (command.epoch < container.epoch) {", replace: "if (command.epoch < 0n) {" },
      {
        file: GATE,
        find: "if (makesRun && command.epoch <= container.closedEpoch) {",
        replace: "if (makesRun && command.epoch < 0n) {",
      },
      {
        file: RELEASE,
        find: "if (leaving() || !current || order.epoch < epoch || order.epoch <= closedEpoch) {",
        replace: "if (leaving() || !current) {",
      },
    ],
  },
  {
    name: "old-copies-kept",
    rule: "A session is confirmed only after every container of an older one is removed",
    ground: { scenes: ["a start waits in the engine"], nodes: 3, profile: "fast" },
    edits: [{ file: NODE_AGENT, find: "await this.#executor.removeOlder(session);", replace: "" }],
  },
  {
    name: "starts-without-lease",
    rule: "An HA container starts only before the soft end of a lease",
    ground: { scenes: ["an image comes late"], nodes: 3, profile: "fast" },
    edits: [
      ...lateStartsRun,
      {
        file: GATE,
        find: "action.value.spec?.ha && !view.mayStart) {",
        replace: "action.value.spec?.ha && view.leaving) {",
      },
      {
        file: RELEASE,
        find: "if (spec.ha && !mayStart()) {",
        replace: "if (spec.ha && leaving()) {",
      },
      {
        file: "agent/src/guard/guard.ts",
        find: "if (group.ha && over && !adopt)",
        replace: "if (group.ha && over && !adopt && this.#closed)",
      },
      {
        file: "agent/src/guard/guard.ts",
        find: "if (group.ha && guardMustKill(this.#lease, this.#clock.nowMs())) return refused(NO_LEASE);",
        replace: "",
      },
    ],
  },
  {
    name: "thawed-without-lease",
    rule: "What was frozen for a kill stays frozen until a lease holds again",
    ground: { scenes: ["a start waits in the engine"], nodes: 3, profile: "default" },
    edits: [
      {
        file: "agent/src/guard/guard.ts",
        find: "this.#found = found;",
        replace: "this.#found = found;\n      if (found === 0) this.#hands.thaw();",
      },
    ],
  },
  {
    name: "agent-kills-without-freezing",
    rule: "One of agent and guard alive is enough: the agent freezes as well what it kills",
    ground: { scenes: ["a start waits in the engine and the guard is stopped"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "agent/src/session/lease-keeper.ts",
        find: "this.#enforcement.kill();",
        replace: "this.#enforcement.kill();\n        this.#enforcement.thaw();",
      },
    ],
  },
  {
    name: "silence-is-death",
    rule: "Silence of less than W closes nothing",
    ground: { scenes: ["a node is silent for a moment"], nodes: 3, profile: "default" },
    edits: [
      {
        file: "lease/src/node-ledger.ts",
        find: "if (elapsedMs >= waitFor(ledger, history, startGraceMs, nowMs)) return",
        replace: "if (elapsedMs >= silentAfter(ledger, history, startGraceMs)) return",
      },
      { file: "lease/src/death-rule.ts", find: "if (nowMs < overMs) return", replace: "if (nowMs < 0) return" },
    ],
  },
  {
    name: "goodbye-of-any-session",
    rule: "A goodbye closes the session that it names, and no later one",
    ground: { scenes: ["a goodbye waits on an old connection"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: NODE,
        find: 'event.type === "GOODBYE" && event.session === context.session;',
        replace: 'event.type === "GOODBYE" && event.session <= context.session;',
      },
      ...oldStreamsAreHeard,
      {
        file: "coordinator/src/runtime/fleet-runtime.ts",
        find: 'this.#ports.link.disconnect(nodeId, "the node was declared dead; say hello again");\n    return',
        replace: "return",
      },
    ],
  },
  {
    name: "goodbye-before-journal",
    rule: "A session is journaled as closed before its goodbye is said: the next run of the agent obeys nothing in it",
    ground: { scenes: ["an agent is back before its goodbye has arrived"], nodes: 3, profile: "default" },
    edits: [
      {
        file: NODE_AGENT,
        find: 'await journal.append({ kind: "session_closed", session: String(session) });',
        replace: "",
      },
      ...oldStreamsAreHeard,
    ],
  },
  {
    name: "takeover-without-waiting",
    rule: "A standby takes over only after the row has not changed for TTL (1 + ρ)/(1 − ρ)",
    ground: { scenes: ["the leader on an island with a node"], nodes: 3, profile: "default" },
    edits: [
      {
        file: LEADER,
        find: "return nowMs - watch.unchangedSinceMs >= takeoverWaitMs(ttlMs);",
        replace: "return ttlMs > 0;",
      },
    ],
  },
  {
    name: "leader-without-end",
    rule: "A leader grants, decides and sends nothing once its own lease is over",
    ground: { scenes: ["the leader on an island with a node"], nodes: 3, profile: "default" },
    edits: [
      {
        file: LEADER,
        find: "return lease !== null && nowMs < lease.askedMs + lease.ttlMs;",
        replace: "return lease !== null && nowMs < Number.POSITIVE_INFINITY;",
      },
    ],
  },
  {
    name: "target-starts-before-source-stops",
    rule: "A new epoch starts only after every holder of a lower one is closed",
    ground: { scenes: ["containers are moved"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: MOVE,
        find: '{ guard: "isMoveAwaited", target: "stopping_source" },',
        replace: '{ guard: "isMoveAwaited", target: "starting" },',
      },
    ],
  },
  {
    name: "rollback-leaves-target-open",
    rule: "A rollback closes the target before the source starts again",
    ground: { scenes: ["a migration is taken back"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: MOVE,
        find: '{ guard: "isNothingAtTarget", target: "restoring" },',
        replace: '{ target: "restoring" },',
      },
    ],
  },
  {
    name: "results-not-repeated",
    rule: "A result is said again until it is acknowledged: with every new stream, and when its command comes again",
    edits: [
      {
        file: "agent/src/session/command-session.ts",
        find: "for (const result of executor.unacked()) sendResult(result);",
        replace: "",
      },
      {
        file: "agent/src/executor/executor.ts",
        find: "this.#onResult(fromJson(CommandResultSchema, decision.result as JsonValue));\n      return;",
        replace: "return;",
      },
    ],
  },
  {
    name: "commands-not-sent-again",
    rule: "A committed command is sent until its result is stored",
    edits: [
      {
        file: INTAKE,
        find: "    this.#ports.sendPending(nodeId);\n",
        replace: "",
      },
    ],
  },
  {
    name: "outcome-not-read-back",
    rule: "An unknown outcome is read back before anything else is decided",
    ground: { scenes: ["answers of the database are lost while nodes die"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "coordinator/src/runtime/decision-loop.ts",
        find: "this.#broken = true;\n      this.#ports.onBroken(error);",
        replace: "",
      },
    ],
  },
  {
    name: "dead-source-awaited",
    rule: "A planned move whose source dies becomes a failover",
    ground: { scenes: ["containers are moved"], lasting: ["power off"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: MOVE,
        find: '{ guard: "isSource", actions: [noteSourceDead] },\n] as const;',
        replace: '{ guard: "isSource" },\n] as const;',
      },
    ],
  },
  {
    name: "epoch-not-raised",
    rule: "Every placement has an epoch one above the last",
    ground: { scenes: ["containers are moved"], lasting: ["power off"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: "coordinator/src/domain/container/life-actions.ts",
        find: "const epoch = context.lastEpoch + 1;",
        replace: "const epoch = Math.max(1, context.lastEpoch);",
      },
      {
        file: MOVE_ACTIONS,
        find: "? context.lastEpoch + 1\n      : kind",
        replace: "? context.lastEpoch\n      : kind",
      },
      {
        file: MOVE_ACTIONS,
        find: "Math.max(context.lastEpoch, move.sourceEpoch + 1)",
        replace: "Math.max(context.lastEpoch, move.sourceEpoch)",
      },
    ],
  },
  {
    name: "stale-start-released",
    rule: "A start that has become stale while it was carried out starts nothing",
    ground: { scenes: ["an image comes late"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: RELEASE,
        find: "requireGood();\n  if (group) await guard.register(group);\n  requireGood();",
        replace: "if (by === null) requireGood();\n  if (group) await guard.register(group);",
      },
    ],
  },
  {
    name: "placed-without-room",
    rule: "Nothing is placed where the room for it is not free",
    ground: { scenes: ["a node is away for long"], nodes: 2, profile: "fast" },
    edits: [
      {
        file: CHOICE,
        find: "const wanted = holdsRoom ? NO_RESOURCES : asked;",
        replace: "const wanted = holdsRoom ? asked : NO_RESOURCES;",
      },
      {
        file: CHOICE,
        find: "node.allocated[name] + (node.holdsRoom ? 0 : resources[name]) > node.capacity[name];",
        replace: "node.allocated[name] > node.capacity[name];",
      },
    ],
  },
  {
    name: "type-changed-on-a-dead-node",
    rule: "A standard container becomes HA only where no copy of it can run",
    ground: { scenes: ["a container changes its type between two copies"], nodes: 3, profile: "fast" },
    edits: [
      {
        file: REFUSALS,
        find: "if (!snapshot.context.placement?.nodeDead) return;",
        replace: "if (snapshot) return;",
      },
      {
        file: LIFE,
        find: 'REMAKE: { guard: "isOnNoDeadNode", actions: [remake] },',
        replace: "REMAKE: { actions: [remake] },",
      },
    ],
  },
];
