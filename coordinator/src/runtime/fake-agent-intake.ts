import { LEASE_PROFILES } from "@lormas/lease/lease-policy.ts";
import { Refusal } from "../domain/refusal.ts";
import type { ObservedWorkload } from "../domain/workload.ts";
import type {
  AgentCommandResult,
  AgentHeartbeat,
  AgentHello,
  AgentIntake,
  GrantedAck,
  ServingTerms,
} from "./agent-intake.ts";

/** What came in, in the order in which it was taken. */
export type IntakeRecord =
  | { readonly kind: "hello"; readonly nodeId: string; readonly hello: AgentHello }
  | { readonly kind: "attach"; readonly nodeId: string; readonly incarnation: string; readonly session: number }
  | { readonly kind: "inventory"; readonly nodeId: string; readonly workloads: readonly ObservedWorkload[] }
  | { readonly kind: "result"; readonly nodeId: string; readonly result: AgentCommandResult }
  | { readonly kind: "report"; readonly nodeId: string; readonly observed: ObservedWorkload }
  | { readonly kind: "goodbye"; readonly nodeId: string; readonly session: number };

/**
 * An intake that keeps its port's word in memory: serves one incarnation a node, acknowledges only heartbeats whose
 * sequence rises, refuses everything while `leading` is false, and resolves nothing before `commits` resolves.
 */
export class FakeAgentIntake implements AgentIntake {
  readonly records: IntakeRecord[] = [];
  readonly heartbeats: AgentHeartbeat[] = [];
  leading = true;
  term = 1;
  session = 1;
  /** Stands for the database: every decision waits for it. */
  commits: () => Promise<void> = async () => {};
  /** Called within attach(), after its commit and before it resolves. */
  onAttached: (nodeId: string) => void = () => {};
  /** Decisions under way at this moment, by node; and the most there ever were. */
  readonly underWay = new Map<string, number>();
  underWayMost = 0;
  readonly #served = new Map<string, { incarnation: string; sequence: bigint }>();

  leads(): boolean {
    return this.leading;
  }

  async hello(nodeId: string, hello: AgentHello): Promise<ServingTerms> {
    this.#lead();
    await this.commits();
    this.#lead();
    this.records.push({ kind: "hello", nodeId, hello });
    if (this.#served.get(nodeId)?.incarnation !== hello.incarnation) {
      this.#served.set(nodeId, { incarnation: hello.incarnation, sequence: 0n });
    }
    const { term, session } = this;
    const membership = { epoch: 1, voters: [], policy: LEASE_PROFILES.fast };
    return { term, session, membership, nodeName: `name-of-${nodeId}`, clusterName: "local" };
  }

  heartbeat(nodeId: string, incarnation: string, heartbeat: AgentHeartbeat): GrantedAck | null {
    const served = this.#served.get(nodeId);
    if (!this.leading || served?.incarnation !== incarnation || heartbeat.sequence <= served.sequence) return null;
    served.sequence = heartbeat.sequence;
    this.heartbeats.push(heartbeat);
    return { sequence: heartbeat.sequence, term: this.term, session: this.session, membership: null };
  }

  async attach(nodeId: string, incarnation: string, session: number): Promise<{ term: number }> {
    await this.#decide(nodeId, incarnation, { kind: "attach", nodeId, incarnation, session });
    this.onAttached(nodeId);
    return { term: this.term };
  }

  async inventory(nodeId: string, incarnation: string, _session: number, workloads: ObservedWorkload[]): Promise<void> {
    await this.#decide(nodeId, incarnation, { kind: "inventory", nodeId, workloads });
  }

  async commandResult(nodeId: string, incarnation: string, result: AgentCommandResult): Promise<void> {
    await this.#decide(nodeId, incarnation, { kind: "result", nodeId, result });
  }

  async report(nodeId: string, incarnation: string, observed: ObservedWorkload): Promise<void> {
    await this.#decide(nodeId, incarnation, { kind: "report", nodeId, observed });
  }

  async goodbye(nodeId: string, incarnation: string, session: number): Promise<void> {
    await this.#decide(nodeId, incarnation, { kind: "goodbye", nodeId, session });
  }

  /** The incarnation that is served now. */
  servedIncarnation(nodeId: string): string | null {
    return this.#served.get(nodeId)?.incarnation ?? null;
  }

  async #decide(nodeId: string, incarnation: string, record: IntakeRecord): Promise<void> {
    this.#lead();
    const underWay = (this.underWay.get(nodeId) ?? 0) + 1;
    this.underWay.set(nodeId, underWay);
    this.underWayMost = Math.max(this.underWayMost, underWay);
    try {
      await this.commits();
      this.#lead();
      // What carries another incarnation is dropped.
      if (this.#served.get(nodeId)?.incarnation === incarnation) this.records.push(record);
      else if (record.kind === "attach") throw new Refusal("busy", "another incarnation is served", "say Hello again");
    } finally {
      this.underWay.set(nodeId, (this.underWay.get(nodeId) ?? 1) - 1);
    }
  }

  #lead(): void {
    if (this.leading) return;
    throw new Refusal("not_leader", "this coordinator does not lead", "dial the leader", { retryAfterMs: 250 });
  }
}
