import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import { FakeAgentIntake } from "../runtime/fake-agent-intake.ts";
import type { ClaimingNode, EnrolledNode, EnrolmentOutcome, EnrolmentWait } from "../runtime/operations.ts";
import { systemClock } from "../runtime/system-clock.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { AgentPlane } from "./agent-plane.ts";
import { FakeJoinTokens, FakeNodes } from "./fake-registers.ts";
import { parseJoinToken } from "./join-token.ts";
import { CertificateAuthority } from "./pki/certificate-authority.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import type { RandomSource } from "./random-source.ts";
import { certificateRequest, type Identity, TestAgent, testUuid } from "./test-agent.ts";

export const testRandom: RandomSource = { bytes: (count) => Uint8Array.from(randomBytes(count)), uuid: testUuid };

export type SteppedClock = Clock & {
  /** Added to the wall clock. */
  offsetMs: number;
  /** What hangs on timers of a day and more; they never fire by themselves. */
  readonly longTimers: Set<() => void>;
};

/** The machine's clocks with a wall clock that can be set, and long timers that a test lets fire. */
export function steppedClock(): SteppedClock {
  return {
    offsetMs: 0,
    longTimers: new Set(),
    bootMs: systemClock.bootMs,
    schedule(delayMs, callback) {
      if (delayMs < 86_400_000) return systemClock.schedule(delayMs, callback);
      const fire = (): void => {
        this.longTimers.delete(fire);
        callback();
      };
      this.longTimers.add(fire);
      return () => void this.longTimers.delete(fire);
    },
    wallMs() {
      return systemClock.wallMs() + this.offsetMs;
    },
  };
}

/** An agent plane on a free loopback port, with a fake intake and registers in memory, and agents to speak to it. */
export class PlaneRig {
  readonly intake = new FakeAgentIntake();
  readonly nodes = new FakeNodes();
  readonly joinTokens = new FakeJoinTokens();
  readonly keyring = testKeyring();
  readonly clock = steppedClock();
  readonly lines: { level: string; fields: object; text: string }[] = [];
  readonly enrolled: EnrolledNode[] = [];
  /** Nodes that have asked to be let in, and what they are answered from then on. */
  readonly waiting = new Map<string, { readonly node: ClaimingNode; wait: EnrolmentWait }>();
  readonly plane: AgentPlane;
  readonly dataDir: string;
  address = "";
  readonly #agents: TestAgent[] = [];

  private constructor(dataDir: string, limits: Partial<PlaneLimits>, listen: string) {
    this.dataDir = dataDir;
    const line = (level: string) => (fields: object, text: string) => void this.lines.push({ level, fields, text });
    this.plane = new AgentPlane({
      listen,
      dataDir,
      nodes: this.nodes,
      joinTokens: this.joinTokens,
      authorities: null,
      instance: "coordinator-1",
      keyring: this.keyring,
      clock: this.clock,
      random: testRandom,
      log: { info: line("info"), warn: line("warn"), error: line("error") },
      limits,
    });
  }

  static async start(limits: Partial<PlaneLimits> = {}, listen = "127.0.0.1:0"): Promise<PlaneRig> {
    const rig = new PlaneRig(await mkdtemp(join(tmpdir(), "lormas-plane-")), limits, listen);
    try {
      const { address } = await rig.plane.start(rig.intake, {
        enrolNode: (node) => rig.#enrol(node),
        awaitApproval: (node) => rig.#awaitApproval(node),
      });
      rig.address = address;
    } catch (error) {
      await rig.stop();
      throw error;
    }
    return rig;
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.close();
    await this.plane.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  get port(): number {
    return Number(this.address.split(":").at(-1));
  }

  /** The secret of a fresh join token. */
  async joinSecret(needsApproval = false): Promise<string> {
    const { token } = await this.plane.createJoinToken(testUuid(), "tests", needsApproval);
    return parseJoinToken(token)?.secret ?? "";
  }

  /** An agent with some identity, or none. */
  agent(identity: Identity | null): TestAgent {
    const agent = new TestAgent(this.address, this.plane.authority.caPem, identity);
    this.#agents.push(agent);
    return agent;
  }

  /** A node that is enrolled, with an agent that has its certificate. */
  async enrolledAgent(name = "node-1"): Promise<{ nodeId: string; agent: TestAgent; identity: Identity }> {
    const { keyPem, csr } = await certificateRequest();
    const response = await this.agent(null).enrol(await this.joinSecret(), name, csr);
    const identity = { keyPem, certificatePem: response.certificate };
    return { nodeId: response.nodeId, agent: this.agent(identity), identity };
  }

  /** A certificate of this rig's authority as it was issued some time ago. */
  async identityIssued(agoMs: number, node: { nodeId: string; nodeName: string }): Promise<Identity> {
    const clock = steppedClock();
    clock.offsetMs = -agoMs;
    const authority = await CertificateAuthority.open(this.dataDir, clock, testRandom);
    const { keyPem, csr } = await certificateRequest();
    return { keyPem, certificatePem: (await authority.issueNode(csr, node)).certificatePem };
  }

  /** As Operations does it, with what the test says of those who wait. */
  async #awaitApproval(node: ClaimingNode): Promise<EnrolmentWait> {
    const known = this.waiting.get(node.nodeId);
    if (known) return known.wait;
    if (!this.joinTokens.consume(node.tokenHash, node.nodeId)) return { kind: "gone" };
    const wait = { kind: "waiting" as const, untilMs: this.clock.wallMs() + 86_400_000 };
    this.waiting.set(node.nodeId, { node, wait });
    this.nodes.nodes.set(node.nodeId, { name: node.name, revoked: false });
    return wait;
  }

  async #enrol(node: EnrolledNode): Promise<EnrolmentOutcome> {
    const known = this.nodes.nodes.get(node.nodeId);
    if (known?.name === node.name) return { clusterName: "local", nodeName: known.name };
    if ([...this.nodes.nodes.values()].some((known) => known.name === node.name)) {
      throw new Refusal("name_taken", `a node named ${node.name} is enrolled`, "choose another name");
    }
    if (!this.joinTokens.consume(node.tokenHash, node.nodeId)) {
      throw new Refusal("invalid_argument", "the join token has been used", "make another one");
    }
    this.nodes.nodes.set(node.nodeId, { name: node.name, revoked: false });
    this.enrolled.push(node);
    return { clusterName: "local", nodeName: node.name };
  }
}
