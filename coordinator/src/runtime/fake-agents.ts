import {
  type AgentLease,
  ackReceived,
  confirmation,
  heartbeatSent,
  membershipAdopted,
  noLease,
} from "@lormas/lease/agent-lease.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ObservedWorkload } from "../domain/workload.ts";
import type { AgentHello, AgentIntake } from "./agent-intake.ts";
import type { AgentLink, AgentTerminalOutput, ConsoleInput, OutboundCommand, TerminalResize } from "./agent-link.ts";
import type { Clock } from "./clock.ts";
import type { FoundImage } from "./image-pin.ts";

export type FakeNode = {
  readonly nodeId: string;
  readonly running: Map<string, { epoch: number; session: number; tty?: boolean }>;
  readonly results: Map<string, boolean>;
  incarnation: string;
  session: number;
  sequence: bigint;
  term: number;
  attached: boolean;
  guarded: boolean;
  /** Whether its container engine answers. */
  runtimeReady: boolean;
  /** What a real agent would hold; it confirms it truthfully. */
  lease: AgentLease;
  introducedMs: number;
  /** How fast its clock runs against the coordinator's, as its heartbeats show it. */
  clockRate: number;
};

/**
 * A fleet of agents behind the port AgentLink, for tests of the runtime: they obey commands at once, once each, and
 * answer them, beat when told to, and can be made to fail, fall silent and come back. Every start is recorded, so that a
 * test can see two copies that run at once.
 */
export class FakeAgents implements AgentLink {
  readonly nodes = new Map<string, FakeNode>();
  /** Commands in the order in which they took effect: "start web@2 on <node id>". */
  readonly log: string[] = [];
  /** What was written to containers, in order. */
  readonly inputs: string[] = [];
  /** Sizes that terminals were given, in order: "80x24". */
  readonly sizes: string[] = [];
  /** What every terminal shows to whoever watches it. */
  shown: AgentTerminalOutput[] = [];
  /** Given a command, a reason to fail it, or null. */
  failing: (nodeId: string, command: OutboundCommand) => { code: string; message: string } | null = () => null;
  /** What agents find the image of a prepare or start to be; null: they do not tell. */
  found: FoundImage | null = null;
  /** Commands that are swallowed without an answer. */
  swallowing: (nodeId: string, command: OutboundCommand) => boolean = () => false;
  /** Commands that come from now on are obeyed once this has resolved. */
  held: Promise<void> = Promise.resolve();
  /** Two copies of one container that ran at once. */
  readonly overlaps: string[] = [];
  readonly #answers: Promise<void>[] = [];
  readonly #clock: Pick<Clock, "bootMs">;
  #intake: AgentIntake | null = null;
  #runs = 0;

  /** All agents share one clock. */
  constructor(clock: Pick<Clock, "bootMs">) {
    this.#clock = clock;
  }

  use(intake: AgentIntake): void {
    this.#intake = intake;
  }

  /** Lets an agent say hello, attach and confirm its session, as a real one does. */
  async connect(nodeId: string, change: Partial<AgentHello> = {}): Promise<void> {
    const node = this.nodes.get(nodeId) ?? fresh(nodeId);
    this.nodes.set(nodeId, node);
    node.incarnation = `run-${++this.#runs}`;
    node.sequence = 0n;
    node.guarded = change.guarded ?? true;
    const terms = await this.#port().hello(nodeId, {
      ...HELLO,
      incarnation: node.incarnation,
      session: node.session,
      ...change,
    });
    if (terms.session !== node.session) node.running.clear();
    node.session = terms.session;
    node.term = terms.term;
    node.introducedMs = this.#clock.bootMs();
    node.lease = membershipAdopted({ ...node.lease, sent: [], lastAckSeen: 0n }, terms.membership, node.introducedMs);
    await this.#port().attach(nodeId, node.incarnation, node.session);
    node.attached = true;
    this.beat(nodeId);
    await this.#port().inventory(nodeId, node.incarnation, node.session, inventory(node));
  }

  /** Sends one heartbeat; true when it was acknowledged. */
  beat(nodeId: string): boolean {
    const node = this.#node(nodeId);
    node.sequence += 1n;
    const nowMs = this.#clock.bootMs();
    const { lease } = node;
    const { heldForMs, remainingMs } = confirmation(lease, nowMs);
    node.lease = heartbeatSent(lease, node.sequence, nowMs);
    const acked = this.#port().heartbeat(nodeId, node.incarnation, {
      sequence: node.sequence,
      session: node.session,
      usage: { cpuMillis: 1, memoryBytes: 1, diskBytes: 1 },
      heldForMs,
      remainingMs,
      lastAckSeen: lease.lastAckSeen,
      guarded: node.guarded,
      runtimeReady: node.runtimeReady,
      membershipEpoch: lease.membership?.epoch ?? 0,
      elapsedMs: (nowMs - node.introducedMs) * node.clockRate,
    });
    if (!acked) return false;
    node.lease = ackReceived(node.lease, acked.sequence, nowMs);
    if (acked.membership) node.lease = membershipAdopted(node.lease, acked.membership, nowMs);
    return true;
  }

  /** The host loses power: nothing runs there any more and nothing is heard of it. */
  powerOff(nodeId: string): void {
    const node = this.#node(nodeId);
    node.attached = false;
    node.running.clear();
    node.lease = { ...noLease(nodeId), membership: node.lease.membership };
  }

  /** A container's process ends by itself. */
  async crash(nodeId: string, containerId: string): Promise<void> {
    const node = this.#node(nodeId);
    const copy = node.running.get(containerId);
    node.running.delete(containerId);
    await this.#port().report(nodeId, node.incarnation, {
      ...observed(containerId, copy?.epoch ?? 0, node.session),
      state: "exited",
      detail: "exit code 1",
    });
  }

  sendCommand(nodeId: string, command: OutboundCommand): boolean {
    const node = this.nodes.get(nodeId);
    if (!node?.attached) return false;
    if (this.swallowing(nodeId, command)) return true;
    this.#answers.push(this.held.then(() => this.#obey(node, command)));
    return true;
  }

  /** Resolves when every command that was sent has been answered. */
  async settle(): Promise<void> {
    for (let answer = this.#answers.shift(); answer; answer = this.#answers.shift()) await answer;
  }

  onRoom(): void {}

  disconnect(): void {}

  async *readLogs(): AsyncIterable<never> {}

  async sendInput(nodeId: string, { containerId, epoch, data }: ConsoleInput): Promise<void> {
    const node = this.nodes.get(nodeId);
    if (!node?.attached) throw new Refusal("busy", "the node has no open command stream", "try again");
    if (node.running.get(containerId)?.epoch !== epoch) throw new Refusal("not_running", "it does not run", "start it");
    this.inputs.push(Buffer.from(data).toString());
  }

  async *readTerminal(
    nodeId: string,
    containerId: string,
    signal: AbortSignal,
  ): AsyncGenerator<AgentTerminalOutput, void, undefined> {
    this.#copy(nodeId, containerId);
    yield { bytes: new Uint8Array(), skippedBytes: 0 };
    for (const piece of this.shown) {
      if (signal.aborted) return;
      yield piece;
    }
  }

  async resizeTerminal(nodeId: string, { containerId, epoch, rows, columns }: TerminalResize): Promise<void> {
    const copy = this.#copy(nodeId, containerId);
    if (copy.epoch !== epoch) throw new Refusal("busy", "another copy runs", "look again");
    this.sizes.push(`${columns}x${rows}`);
  }

  /** The running copy of a container with a terminal. */
  #copy(nodeId: string, containerId: string): { epoch: number } {
    const node = this.nodes.get(nodeId);
    if (!node?.attached) throw new Refusal("busy", "the node has no open command stream", "try again");
    const copy = node.running.get(containerId);
    if (!copy) throw new Refusal("not_running", "it does not run", "start it");
    if (!copy.tty) throw new Refusal("no_terminal", "this copy has no terminal", "create it anew");
    return copy;
  }

  async #obey(node: FakeNode, command: OutboundCommand): Promise<void> {
    if (!node.attached) return;
    if (command.term < node.term) throw new Error(`command of term ${command.term} after term ${node.term}`);
    const reason = this.failing(node.nodeId, command);
    if (reason === null && !node.results.has(command.commandId)) {
      node.results.set(command.commandId, true);
      this.#carryOut(node, command);
    }
    await this.#port()
      .commandResult(node.nodeId, node.incarnation, {
        commandId: command.commandId,
        ok: reason === null,
        errorCode: reason?.code ?? "",
        errorMessage: reason?.message ?? "",
        status: null,
        tookMs: 1,
        image: command.action.kind === "prepare" || command.action.kind === "start" ? this.found : null,
      })
      // A refusal ends the stream of a real agent, which keeps the result and says it again after it has dialled.
      .catch(() => undefined);
  }

  #carryOut(node: FakeNode, { containerId, epoch, action }: OutboundCommand): void {
    this.log.push(`${action.kind} @${epoch} on ${node.nodeId}`);
    if (action.kind === "start") {
      for (const other of this.nodes.values()) {
        if (other !== node && other.running.has(containerId)) this.overlaps.push(`${containerId}@${epoch}`);
      }
      const { tty = false } = action.workload.spec;
      node.running.set(containerId, { epoch, session: node.session, tty });
    } else if (action.kind !== "prepare") {
      node.running.delete(containerId);
    }
  }

  #node(nodeId: string): FakeNode {
    const node = this.nodes.get(nodeId);
    if (!node) throw new Error(`no fake node ${nodeId}`);
    return node;
  }

  #port(): AgentIntake {
    if (!this.#intake) throw new Error("use(intake) first");
    return this.#intake;
  }
}

const HELLO: AgentHello = {
  incarnation: "",
  agentVersion: "0.1.0",
  session: 0,
  address: "127.0.1.1",
  runtime: "exec",
  capacity: { cpuMillis: 2_000, memoryBytes: 2_000_000_000, diskBytes: 10_000_000_000 },
  architecture: "amd64",
  platform: "test",
  portPoolMin: 20_000,
  portPoolMax: 20_100,
  guarded: true,
  peerAddress: "127.0.0.1:7444",
};

const fresh = (nodeId: string): FakeNode => ({
  nodeId,
  running: new Map(),
  results: new Map(),
  incarnation: "",
  session: 0,
  sequence: 0n,
  term: 0,
  attached: false,
  guarded: true,
  runtimeReady: true,
  lease: noLease(nodeId),
  introducedMs: 0,
  clockRate: 1,
});

const observed = (containerId: string, epoch: number, session: number): ObservedWorkload => ({
  containerId,
  epoch,
  session,
  state: "running",
  exitCode: null,
  detail: "",
});

const inventory = (node: FakeNode): ObservedWorkload[] =>
  [...node.running].map(([containerId, { epoch, session }]) => observed(containerId, epoch, session));
