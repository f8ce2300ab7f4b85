import { CLOCK_RATE_ERROR_MAX, type LeasePolicy, stretched } from "@lormas/lease/lease-policy.ts";
import type { NodeHost } from "../host/node-host.ts";
import type { Network } from "../network/network.ts";
import type { PeerNetwork } from "../network/peer-network.ts";
import type { ExchangeWatch } from "./exchange-watch.ts";

/** What a question and its answer take on whole links, with the guard's and every timer's lateness. */
const ASKING_MS = 100;
/** A guard that was started is found by its agent within this. */
const GUARD_FOUND_MS = 250;
/** One that goes on is believed in again within this: its client gives up an answer, and the connection, after a second. */
const GUARD_BELIEVED_MS = 2_500;

export type MajoritySightParts = {
  readonly network: Network;
  readonly peers: PeerNetwork;
  readonly exchanges: ExchangeWatch;
  readonly nodes: () => readonly NodeHost[];
  /** Every policy that the group may have in this run. */
  readonly policies: readonly LeasePolicy[];
};

/** Whether enough voters could give a node their votes in a stretch of time. */
export type Sight =
  /** So many for certain, which is enough. */
  | { readonly kind: "majority"; readonly voters: number }
  /** Too few whatever is assumed of those of which too little is known. */
  | { readonly kind: "no majority" }
  /** Something was disturbed that decides on it. */
  | { readonly kind: "unclear" };

const UNCLEAR: Sight = { kind: "unclear" };

/**
 * Sees from outside what a node sees of its voting group: who of its voters runs, is reached both ways, and is without lease.
 * It looks at what is, not at which faults were brought: a fault that does not lie between a node and the voters that it needs
 * decides nothing.
 */
export class MajoritySight {
  readonly #parts: MajoritySightParts;
  readonly #leaseMaxMs: number;
  readonly #leaseMinMs: number;
  readonly #intervalMaxMs: number;

  constructor(parts: MajoritySightParts) {
    this.#parts = parts;
    const { policies } = parts;
    this.#leaseMaxMs = Math.max(...policies.map(({ leaseMs }) => leaseMs));
    this.#leaseMinMs = Math.min(...policies.map(({ leaseMs }) => leaseMs));
    this.#intervalMaxMs = Math.max(...policies.map(({ intervalMs }) => intervalMs));
  }

  /** From so long after its last acknowledgement on nobody holds a lease by it, on the slowest clock. */
  get softLeaseMs(): number {
    return slowest(this.#leaseMaxMs / 2) + ASKING_MS;
  }

  /** From so long after the last acknowledgement on what runs anywhere runs by votes, on the slowest clock. */
  get hardLeaseMs(): number {
    return slowest(this.#leaseMaxMs) + ASKING_MS;
  }

  /** What the node has seen for so long before its hard end that a majority's votes must have prolonged it. */
  before(node: NodeHost, hardEndMs: number): Sight {
    const againMs = slowest(this.#intervalMaxMs) + ASKING_MS;
    return this.#see(node, {
      // A question that was asked in vain a moment before is open for less than L/4; the next comes an interval later.
      votersMs: hardEndMs - slowest(this.#leaseMaxMs / 4) - againMs,
      // A new agent asks at once.
      servesMs: hardEndMs - ASKING_MS,
      runsMs: hardEndMs - slowest(this.#leaseMaxMs / 4) - againMs,
      // What a guard that was away has not taken, the next answers bring again.
      guardMs: hardEndMs - againMs,
    });
  }

  /** What the node has seen without a break from a moment until now. */
  since(node: NodeHost, fromMs: number): Sight {
    return this.#see(node, { votersMs: fromMs, servesMs: fromMs, runsMs: fromMs, guardMs: fromMs });
  }

  #see(node: NodeHost, since: { votersMs: number; servesMs: number; runsMs: number; guardMs: number }): Sight {
    const { peers, nodes, exchanges } = this.#parts;
    const { agent, agentProcess, guardProcess } = node;
    const membership = agent?.membership ?? null;
    const asked = peers.askedBy(node.name);
    if (!agent || !agentProcess || !guardProcess || !membership || !asked) return UNCLEAR;
    // Who asks for votes and who takes their word must themselves have been at work: an agent that was stopped, or started
    // anew, asked nobody meanwhile, and a guard that was gone took no deadline.
    if (agent.servesSinceMs > since.servesMs) return UNCLEAR;
    if (!agentProcess.wasNeverStopped && agentProcess.runningSinceMs > since.runsMs) return UNCLEAR;
    // One that was stopped takes, once it goes on, what its agent has long given up: until the next acknowledgement its deadline
    // may be later than the one that its agent knows of, and asks for votes until. Its successor has the deadline from it.
    const foundMs =
      guardProcess.wasNeverStopped && !node.guardsRecordOfStopped
        ? since.guardMs - GUARD_FOUND_MS
        : Math.min(since.guardMs, exchanges.ackedMs(node.nodeId)) - GUARD_BELIEVED_MS;
    if (guardProcess.runningSinceMs > foundMs) return UNCLEAR;
    // Another set, whose votes began to count only with it; or one that the journal has and the agent has not taken up yet.
    if (asked.voters !== membership.voters) return UNCLEAR;
    if (asked.sinceMs > since.votersMs && asked.sinceMs !== agent.servesSinceMs) return UNCLEAR;
    // Said here once more in its own words, and not asked of the code that is to be judged: more than half of the voters are
    // without lease, the node itself among them if it is one of them. Where survival is off nobody is asked.
    const { voters, policy } = membership;
    const own = voters.some(({ nodeId }) => nodeId === node.nodeId) ? 1 : 0;
    const isMajority = (others: number): boolean => policy.survival && others > 0 && 2 * (own + others) > voters.length;
    let voting = 0;
    let unknown = 0;
    for (const { nodeId } of voters) {
      const voter = nodeId === node.nodeId ? undefined : nodes().find((other) => other.nodeId === nodeId);
      const word = voter ? this.#wordOf(voter, node, since.votersMs) : "none";
      if (word === "vote") voting += 1;
      if (word === "unclear") unknown += 1;
    }
    if (isMajority(voting)) return { kind: "majority", voters: voting };
    return isMajority(voting + unknown) ? UNCLEAR : { kind: "no majority" };
  }

  /** What a voter would have said to this node at every moment since. */
  #wordOf(voter: NodeHost, asker: NodeHost, fromMs: number): "vote" | "none" | "unclear" {
    const { network, exchanges } = this.#parts;
    const there = network.link(asker.name, voter.name);
    const back = network.link(voter.name, asker.name);
    const { agent, agentProcess } = voter;
    if (!agent || !agentProcess) return "none";
    const ackedMs = exchanges.ackedMs(voter.nodeId);
    const voteSinceMs = Math.max(
      there.wholeSinceMs,
      back.wholeSinceMs,
      agentProcess.runningSinceMs,
      // One that has started, which it also does after a goodbye, is quiet for as long as it may have held a lease.
      agent.servesSinceMs + slowest(stretched(this.#leaseMaxMs)) + ASKING_MS,
      // One that holds a lease gives no vote, and the asker is killed rightly where there are many of those.
      ackedMs + this.softLeaseMs,
    );
    if (voteSinceMs <= fromMs) return "vote";
    const goneSinceMs = Math.min(there.cutSinceMs, back.cutSinceMs, agentProcess.downSinceMs);
    if (goneSinceMs <= fromMs) return "none";
    // Acknowledged a moment ago: it holds a lease, unless that came very late.
    const sinceAckMs = network.time.nowMs() - ackedMs;
    return sinceAckMs < this.#leaseMinMs / 4 ? "none" : "unclear";
  }
}

/** What a duration of a host's clock lasts at most in true time. */
const slowest = (ms: number): number => ms / (1 - CLOCK_RATE_ERROR_MAX);
