import type { CommandsResponse, HeartbeatResponse } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { failpointsAskedFor, type Hands } from "@lormas/wire/armed-folder.ts";
import { type CaseOf, type EffectKind, sitesOf } from "@lormas/wire/failpoints.ts";
import type { AgentAnswer, AnswerWrapper } from "../agents/agent-answer.ts";
import type { AgentPlaneParts } from "../agents/agent-plane.ts";
import type { JoinTokenRegister } from "../agents/join-token-register.ts";
import type { NodeRegister } from "../agents/node-register.ts";
import type { AuthorityRegister } from "../agents/pki/authority-register.ts";
import { containerMachine } from "../domain/container/container-machine.ts";
import type { AlertDeliveries, AlertReceiver } from "../notify/alert-webhook.ts";
import type { AgentLink, OutboundAction, OutboundCommand } from "../runtime/agent-link.ts";
import type { DecisionChanges, DecisionStore } from "../runtime/decision-store.ts";
import type { FenceHook } from "../runtime/fence-hook.ts";
import type { FleetRuntimePorts } from "../runtime/fleet-runtime.ts";

// Everything that the coordinator does to the world by its ports, told by their types: a new method, command or message that
// is not told here does not compile.

const STORE = {
  commit: "durable",
  load: "read",
  readLeadership: "read",
  takeLeadership: "durable",
  renewLeadership: "durable",
  releaseLeadership: "durable",
  flushHealth: "durable",
  tokenCluster: "read",
} as const satisfies Record<keyof DecisionStore, EffectKind>;

const LINK = {
  sendCommand: "send",
  onRoom: "read",
  disconnect: "send",
  // What it sends are openLogs and closeLogs, below.
  readLogs: "read",
  // What it sends is consoleInput, below.
  sendInput: "read",
  // openLogs and closeLogs as well, and consoleResize.
  readTerminal: "read",
  resizeTerminal: "read",
} as const satisfies Record<keyof AgentLink, EffectKind>;

const COMMANDS = {
  prepare: "send",
  start: "send",
  install: "send",
  stop: "send",
  remove: "send",
} as const satisfies Record<OutboundAction["kind"], EffectKind>;

const JOIN_TOKENS = { create: "durable", find: "read" } as const satisfies Record<keyof JoinTokenRegister, EffectKind>;

const NODES = { find: "read", refusedAmong: "read", recordCertificate: "durable" } as const satisfies Record<
  keyof NodeRegister,
  EffectKind
>;

const AUTHORITIES = {
  load: "read",
  advance: "durable",
  noteCoordinator: "durable",
  forgetCoordinator: "durable",
  coordinators: "read",
  nodes: "read",
  noteReports: "durable",
} as const satisfies Record<keyof AuthorityRegister, EffectKind>;

const FENCE_HOOK = { name: "read", call: "send" } as const satisfies Record<keyof FenceHook, EffectKind>;

const ALERT_DELIVERIES = {
  oldest: "read",
  remove: "durable",
  noteFailure: "durable",
  trim: "durable",
} as const satisfies Record<keyof AlertDeliveries, EffectKind>;

const ALERT_RECEIVER = { post: "send" } as const satisfies Record<keyof AlertReceiver, EffectKind>;

const ANSWERS = { enrol: "send", renewCertificate: "send", pushLogs: "send" } as const satisfies Record<
  AgentAnswer,
  EffectKind
>;

const MESSAGES = {
  welcome: "send",
  ack: "send",
  attached: "send",
  command: "send",
  resultAck: "send",
  openLogs: "send",
  closeLogs: "send",
  consoleInput: "send",
  consoleResize: "send",
  renewSoon: "send",
} as const satisfies Record<CaseOf<HeartbeatResponse> | CaseOf<CommandsResponse>, EffectKind>;

/** Which of the runtime's and the agent plane's ports are wrapped; one that does something to the world gets a table above. */
export const COORDINATOR_PORTS = {
  store: "wrapped",
  link: "wrapped",
  nodes: "wrapped",
  joinTokens: "wrapped",
  authorities: "wrapped",
  wrapStream: "wrapped",
  wrapAnswer: "wrapped",
  keyring: "plain",
  registries: "plain",
  clock: "plain",
  log: "plain",
  newId: "plain",
  instance: "plain",
  leaderTtlMs: "plain",
  requests: "plain",
  listen: "plain",
  hosts: "plain",
  dataDir: "plain",
  random: "plain",
  limits: "plain",
  fenceHook: "wrapped",
} as const satisfies Record<keyof FleetRuntimePorts | keyof AgentPlaneParts, "wrapped" | "plain">;

const PREFIX = {
  store: "coordinator.store",
  step: "coordinator.store.commit.step",
  link: "coordinator.link",
  command: "coordinator.link.sendCommand",
  joinTokens: "coordinator.joinTokens",
  nodes: "coordinator.nodes",
  authorities: "coordinator.authorities",
  fenceHook: "coordinator.fenceHook",
  alertDeliveries: "coordinator.alertDeliveries",
  alertReceiver: "coordinator.alertReceiver",
  answer: "coordinator.answer",
  message: "coordinator.message",
} as const;

/** The states of a migration, each of which is entered by a commit. */
function migrationSteps(): Record<string, EffectKind> {
  const states = Object.keys(containerMachine.states["migration"]?.states["migrating"]?.states ?? {});
  // The chart has been rearranged, and this would go on without any of them.
  if (states.length === 0)
    throw new Error("the container's chart has no states of a migration where they are looked for");
  return Object.fromEntries(states.map((state) => [state, "durable"]));
}

/** Every failpoint site of this program. */
export const COORDINATOR_SITES: ReadonlySet<string> = new Set([
  ...sitesOf(PREFIX.store, STORE),
  ...sitesOf(PREFIX.step, migrationSteps()),
  ...sitesOf(PREFIX.link, LINK),
  ...sitesOf(PREFIX.command, COMMANDS),
  ...sitesOf(PREFIX.joinTokens, JOIN_TOKENS),
  ...sitesOf(PREFIX.nodes, NODES),
  ...sitesOf(PREFIX.authorities, AUTHORITIES),
  ...sitesOf(PREFIX.fenceHook, FENCE_HOOK),
  ...sitesOf(PREFIX.alertDeliveries, ALERT_DELIVERIES),
  ...sitesOf(PREFIX.alertReceiver, ALERT_RECEIVER),
  ...sitesOf(PREFIX.answer, ANSWERS),
  ...sitesOf(PREFIX.message, MESSAGES),
]);

/** The coordinator's ports with failpoints around them. */
export type CoordinatorFailpoints = {
  readonly store: (store: DecisionStore) => DecisionStore;
  readonly link: (link: AgentLink) => AgentLink;
  readonly joinTokens: (register: JoinTokenRegister) => JoinTokenRegister;
  readonly nodes: (register: NodeRegister) => NodeRegister;
  readonly authorities: (register: AuthorityRegister) => AuthorityRegister;
  readonly fenceHook: (hook: FenceHook) => FenceHook;
  readonly alertDeliveries: (deliveries: AlertDeliveries) => AlertDeliveries;
  readonly alertReceiver: (receiver: AlertReceiver) => AlertReceiver;
  /** For every answer to a call that is not a stream. */
  readonly answer: AnswerWrapper;
  /** For every stream of an agent, before it is served. */
  readonly stream: <Stream extends object>(stream: Stream) => Stream;
};

/** What the environment asks for; null when it asks for nothing. For tests alone. */
export function coordinatorFailpoints(env: NodeJS.ProcessEnv, hands: Hands): CoordinatorFailpoints | null {
  const points = failpointsAskedFor(env, COORDINATOR_SITES, hands);
  if (points === null) return null;
  return {
    store: (store) =>
      points.around<DecisionStore>(PREFIX.store, store, STORE, (method, args) =>
        // The port's own signature: commit(term, changes).
        method === "commit" ? stepSites(args[1] as DecisionChanges) : [],
      ),
    link: (link) =>
      points.around<AgentLink>(PREFIX.link, link, LINK, (method, args) =>
        // The port's own signature: sendCommand(nodeId, command).
        method === "sendCommand" ? [`${PREFIX.command}.${(args[1] as OutboundCommand).action.kind}`] : [],
      ),
    joinTokens: (register) => points.around<JoinTokenRegister>(PREFIX.joinTokens, register, JOIN_TOKENS),
    nodes: (register) => points.around<NodeRegister>(PREFIX.nodes, register, NODES),
    authorities: (register) => points.around<AuthorityRegister>(PREFIX.authorities, register, AUTHORITIES),
    fenceHook: (hook) => points.around<FenceHook>(PREFIX.fenceHook, hook, FENCE_HOOK),
    alertDeliveries: (deliveries) =>
      points.around<AlertDeliveries>(PREFIX.alertDeliveries, deliveries, ALERT_DELIVERIES),
    alertReceiver: (receiver) => points.around<AlertReceiver>(PREFIX.alertReceiver, receiver, ALERT_RECEIVER),
    answer: (name, answer) =>
      points.around(PREFIX.answer, { [name]: answer }, ANSWERS as Record<string, EffectKind>)[name] ?? answer,
    stream: (stream) => points.onStream(PREFIX.message, stream),
  };
}

function stepSites({ migrations }: DecisionChanges): string[] {
  return migrations.flatMap((change) => (change.kind === "step" ? [`${PREFIX.step}.${change.name}`] : []));
}
