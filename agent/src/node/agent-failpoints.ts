import type { CommandsRequest, HeartbeatRequest } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { failpointsAskedFor, type Hands } from "@lormas/wire/armed-folder.ts";
import { type CaseOf, type EffectKind, sitesOf } from "@lormas/wire/failpoints.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalRecord } from "../journal/journal-state.ts";
import type { PeerAnswering, PeerPlane } from "../peers/peer-plane.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import type { CoordinatorClient, enrolCall } from "../session/coordinator-client.ts";
import type { CredentialStore } from "../session/credentials.ts";
import type { Enforcement } from "../session/enforcement.ts";
import type { NodeAgentOptions } from "./node-agent.ts";

// Everything that the agent does to the world by its ports, told by their types: a new method, journal record or message that
// is not told here does not compile.

const RUNTIME = {
  kind: "read",
  ready: "read",
  prepare: "durable",
  install: "durable",
  start: "durable",
  stop: "durable",
  remove: "durable",
  list: "read",
  inspect: "read",
  usage: "read",
  // A health check: it asks, and what it does inside the container is the container's business.
  run: "read",
  logs: "read",
  input: "send",
  terminal: "read",
  resize: "send",
  onChange: "read",
  close: "read",
} as const satisfies Record<keyof ContainerRuntime, EffectKind>;

const GUARD = {
  answering: "read",
  deadlineMs: "read",
  softEndMs: "read",
  renew: "durable",
  register: "durable",
  enter: "durable",
  forget: "durable",
  leaving: "send",
  dismiss: "durable",
} as const satisfies Record<keyof GuardLink, EffectKind>;

const CREDENTIALS = { load: "read", enrolmentKey: "durable", save: "durable" } as const satisfies Record<
  keyof CredentialStore,
  EffectKind
>;

const ENROLMENT = { enrol: "send" } as const;

const ENFORCEMENT = { kill: "durable", thaw: "durable" } as const satisfies Record<keyof Enforcement, EffectKind>;

const JOURNAL = { state: "read", append: "durable", broken: "read", close: "read" } as const satisfies Record<
  keyof Journal,
  EffectKind
>;

const RECORDS = {
  term: "durable",
  session: "durable",
  session_closed: "durable",
  result: "durable",
  result_acked: "durable",
  started: "durable",
  closed: "durable",
  removed: "durable",
  membership: "durable",
} as const satisfies Record<JournalRecord["kind"], EffectKind>;

const CLIENT = {
  // What these two send are the messages, below.
  heartbeat: "read",
  commands: "read",
  pushLogs: "send",
  renewCertificate: "send",
  close: "send",
} as const satisfies Record<keyof CoordinatorClient, EffectKind>;

const PEERS = {
  address: "read",
  ask: "send",
  // What is served is the answer, below.
  serve: "read",
  // A connection is made, and nothing is said over it.
  prepare: "read",
  keep: "read",
} as const satisfies Record<keyof PeerPlane, EffectKind>;

const ANSWERS = { vote: "send" } as const;

/** Which of the ports that main.ts wires are wrapped. One that does something to the world is, and gets a table above. */
export const AGENT_PORTS = {
  runtime: "wrapped",
  journal: "wrapped",
  guard: "wrapped",
  connect: "wrapped",
  peers: "wrapped",
  enforcement: "wrapped",
  nodeId: "plain",
  incarnation: "plain",
  address: "plain",
  // What it does are a renewal and the saving of it, which are told above.
  authorities: "plain",
  portPool: "plain",
  measure: "plain",
  commands: "plain",
  clock: "plain",
  timers: "plain",
  random: "plain",
  log: "plain",
} as const satisfies Record<keyof NodeAgentOptions, "wrapped" | "plain">;

const MESSAGES = {
  hello: "send",
  heartbeat: "send",
  attach: "send",
  result: "send",
  inventory: "send",
  report: "send",
  goodbye: "send",
  consoleResult: "send",
  authorities: "send",
} as const satisfies Record<CaseOf<HeartbeatRequest> | CaseOf<CommandsRequest>, EffectKind>;

const PREFIX = {
  runtime: "agent.runtime",
  guard: "agent.guard",
  enforcement: "agent.enforcement",
  credentials: "agent.credentials",
  enrolment: "agent.enrolment",
  journal: "agent.journal",
  record: "agent.journal.append",
  client: "agent.client",
  message: "agent.message",
  peers: "agent.peers",
  answer: "agent.peers.answer",
} as const;

/** Every failpoint site of this program. */
export const AGENT_SITES: ReadonlySet<string> = new Set([
  ...sitesOf(PREFIX.runtime, RUNTIME),
  ...sitesOf(PREFIX.guard, GUARD),
  ...sitesOf(PREFIX.enforcement, ENFORCEMENT),
  ...sitesOf(PREFIX.credentials, CREDENTIALS),
  ...sitesOf(PREFIX.enrolment, ENROLMENT),
  ...sitesOf(PREFIX.record, RECORDS),
  ...sitesOf(PREFIX.client, CLIENT),
  ...sitesOf(PREFIX.message, MESSAGES),
  ...sitesOf(PREFIX.peers, PEERS),
  ...sitesOf(PREFIX.answer, ANSWERS),
]);

/** The agent's ports with failpoints around them. */
export type AgentFailpoints = {
  readonly runtime: (runtime: ContainerRuntime) => ContainerRuntime;
  readonly guard: <Guard extends GuardLink>(guard: Guard) => GuardLink;
  readonly enforcement: (enforcement: Enforcement) => Enforcement;
  readonly credentials: (store: CredentialStore) => CredentialStore;
  readonly enrolment: (ask: typeof enrolCall) => typeof enrolCall;
  readonly journal: (journal: Journal) => Journal;
  readonly peers: (peers: PeerPlane) => PeerPlane;
  readonly client: (client: CoordinatorClient) => CoordinatorClient;
};

/** What the environment asks for; null when it asks for nothing. For tests alone. */
export function agentFailpoints(env: NodeJS.ProcessEnv, hands: Hands): AgentFailpoints | null {
  const points = failpointsAskedFor(env, AGENT_SITES, hands);
  if (points === null) return null;
  return {
    runtime: (runtime) => points.around<ContainerRuntime>(PREFIX.runtime, runtime, RUNTIME),
    guard: (guard) => points.around<GuardLink>(PREFIX.guard, guard, GUARD),
    enforcement: (enforcement) => points.around<Enforcement>(PREFIX.enforcement, enforcement, ENFORCEMENT),
    credentials: (store) => points.around<CredentialStore>(PREFIX.credentials, store, CREDENTIALS),
    enrolment: (ask) => points.around(PREFIX.enrolment, { enrol: ask }, ENROLMENT).enrol,
    journal: (journal) =>
      points.around<Journal>(PREFIX.journal, journal, JOURNAL, (method, args) =>
        // The port's own signature: append(record).
        method === "append" ? [`${PREFIX.record}.${(args[0] as JournalRecord).kind}`] : [],
      ),
    peers: (peers) => {
      const { address } = peers;
      const serve = (answering: PeerAnswering) =>
        peers.serve((question) => points.around(PREFIX.answer, { vote: answering }, ANSWERS).vote(question));
      const [ask, prepare, keep] = [peers.ask.bind(peers), peers.prepare.bind(peers), peers.keep.bind(peers)];
      return points.around<PeerPlane>(PREFIX.peers, { address, ask, serve, prepare, keep }, PEERS);
    },
    client: (client) => {
      const heartbeat = client.heartbeat.bind(client);
      const commands = client.commands.bind(client);
      client.heartbeat = () => points.onStream(PREFIX.message, heartbeat());
      client.commands = () => points.onStream(PREFIX.message, commands());
      return points.around<CoordinatorClient>(PREFIX.client, client, CLIENT);
    },
  };
}
