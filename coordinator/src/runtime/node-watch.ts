import { clockIsUnsound } from "@lormas/lease/clock-rate.ts";
import { type DeathVerdict, deathVerdict } from "@lormas/lease/death-rule.ts";
import type { LeaseCoverage } from "@lormas/lease/lease-coverage.ts";
import { type MembershipHistory, presentEpoch } from "@lormas/lease/membership.ts";
import {
  due,
  heartbeatArrived,
  introduced,
  ledgerAtTermStart,
  type NodeLedger,
  nextDueMs,
  nodeWaitMs,
} from "@lormas/lease/node-ledger.ts";
import { NO_RESOURCES, type Resources } from "../domain/resources.ts";
import type { AgentHeartbeat } from "./agent-intake.ts";
import type { Clock } from "./clock.ts";
import type { FenceHook, FenceRequest } from "./fence-hook.ts";
import { NodeFencing } from "./node-fencing.ts";
import { finiteWaitMs, SignsAt } from "./node-signs.ts";
import type { LiveNode } from "./operations.ts";
import type { RuntimeLog } from "./runtime-log.ts";
import { NO_SIGNS, type NodeSigns, type SignsOf } from "./voting-group.ts";

/** What the watch asks to be decided. Each resolves when committed, and rejects when it is not known to be. */
export type NodeWatchPorts = {
  readonly clock: Clock;
  /** The epochs of the node's voting group that somebody may still believe in. */
  readonly historyOf: (nodeId: string) => MembershipHistory;
  readonly heartbeatsMissing: (nodeId: string, lastHeartbeatAtMs: number | null) => Promise<void>;
  readonly heartbeatsBack: (nodeId: string) => Promise<void>;
  /** Resolves to the lowest session of the node that has not ended. */
  readonly leaseOver: (nodeId: string, lastHeartbeatAtMs: number | null) => Promise<number>;
  /** Null: nothing can cut a node off, W alone decides. */
  readonly fence: FencePorts | null;
};

export type FencePorts = {
  readonly hook: FenceHook;
  readonly log: RuntimeLog;
  /** What the hook is to be told of a silent node; null when nothing would be won by fencing it. */
  readonly requestOf: (nodeId: string, silentForMs: number) => FenceRequest | null;
  /** The host is off, so its session is over. Resolves to the lowest session of the node that has not ended. */
  readonly fenced: (nodeId: string, lastHeartbeatAtMs: number | null, tookMs: number) => Promise<number>;
};

export type NodeStanding =
  | { readonly kind: "heard" | "deciding" | "dead" | "lease_over" }
  | { readonly kind: "lease_runs"; readonly leftMs: number };

/** How long a node that was not heard in this term yet is given to find the new leader, at least. */
export const TERM_START_GRACE_MS = 8_000;
const RETRY_MS = 250;

type Watched = {
  ledger: NodeLedger;
  /** The session to which the agent was welcomed; 0 before the first Hello of this term. */
  session: number;
  lastHeartbeatWallMs: number | null;
  usage: Resources;
  /** W is over, and the majority that would prove the death is missing. */
  blocked: BlockedDeath | null;
  /** Set once the fence hook has said that the host is off, to how long that took: only the decision is missing. */
  offAfterMs: number | null;
  cancel: (() => void) | null;
};

/** A node that may be dead, and may run on by votes of those who are missing. */
export type BlockedDeath = {
  readonly nodeId: string;
  /** When its W was over, on the leader's boot clock. */
  readonly sinceMs: number;
  /** It may believe in an epoch in which nothing kills, so no wait proves its death. */
  readonly unfenced: boolean;
  /** The epoch that it may believe in and whose majority is missing. */
  readonly verdict: Extract<DeathVerdict, { kind: "majority_lost" }>;
};

const unheard = (ledger: NodeLedger): Watched => ({
  ...{ ledger, session: 0, lastHeartbeatWallMs: null, usage: NO_RESOURCES, blocked: null, offAfterMs: null },
  cancel: null,
});

/** Keeps the ledgers of all nodes: renews leases in memory, and has decided what their absence means. */
export class NodeWatch {
  readonly #ports: NodeWatchPorts;
  readonly #nodes = new Map<string, Watched>();
  readonly #fencing: NodeFencing | null;

  constructor(ports: NodeWatchPorts) {
    this.#ports = ports;
    this.#fencing =
      ports.fence &&
      new NodeFencing({
        hook: ports.fence.hook,
        log: ports.fence.log,
        clock: ports.clock,
        requestOf: (nodeId) => this.#fenceRequest(nodeId),
        confirmedOff: (nodeId, tookMs) => this.#confirmedOff(nodeId, tookMs),
      });
  }

  /**
   * Begins a term: every node's W starts afresh, and what a fence hook of an older term said does not count. What was last
   * heard is kept for show; a node that is shown as silent stays so until it is heard.
   */
  beginTerm(
    nodes: Iterable<{
      nodeId: string;
      shown: "live" | "silent" | "dead";
      lastHeartbeatAtMs: number | null;
      /** The epoch that it is known to have confirmed, or an earlier one; null: any of the history. */
      confirmedEpoch: number | null;
    }>,
  ): void {
    const before = new Map(this.#nodes);
    const nowMs = this.#ports.clock.bootMs();
    this.clear();
    for (const { nodeId, shown, lastHeartbeatAtMs, confirmedEpoch } of nodes) {
      const old = before.get(nodeId);
      const history = this.#ports.historyOf(nodeId);
      const ledger = ledgerAtTermStart(nowMs, shown === "dead", history, confirmedEpoch);
      this.#nodes.set(nodeId, {
        ...unheard(shown === "silent" ? { ...ledger, phase: "silent" } : ledger),
        lastHeartbeatWallMs: old?.lastHeartbeatWallMs ?? lastHeartbeatAtMs,
        usage: old?.usage ?? NO_RESOURCES,
      });
      this.#arm(nodeId, nowMs);
      // One that was silent before is given the time in which another one would have become so.
      if (shown === "silent") {
        const { unhealthyMs } = presentEpoch(history).policy;
        this.#fencing?.wishLater(nodeId, Math.max(unhealthyMs, TERM_START_GRACE_MS / 2));
      }
    }
  }

  /**
   * Goes on within the same term after the state was read anew: deaths that were being decided are looked at again. Answers
   * the nodes that turn out to be dead.
   */
  resume(isDead: (nodeId: string) => boolean): string[] {
    const dead: string[] = [];
    for (const [nodeId, watched] of this.#nodes) {
      if (watched.ledger.phase === "deciding") {
        const phase = isDead(nodeId) ? "dead" : "silent";
        if (phase === "dead") {
          dead.push(nodeId);
          watched.offAfterMs = null;
          this.#fencing?.forget(nodeId);
        }
        watched.ledger = {
          ...watched.ledger,
          phase,
          incarnation: phase === "dead" ? null : watched.ledger.incarnation,
        };
      }
      this.#arm(nodeId);
    }
    return dead;
  }

  /** Watches nobody any more; hooks that are being called are ended. */
  clear(): void {
    this.#fencing?.clear();
    for (const watched of this.#nodes.values()) watched.cancel?.();
    this.#nodes.clear();
  }

  /** Watches a node that was removed no more. */
  forget(nodeId: string): void {
    this.#fencing?.forget(nodeId);
    this.#nodes.get(nodeId)?.cancel?.();
    this.#nodes.delete(nodeId);
  }

  servedIncarnation(nodeId: string): string | null {
    return this.#nodes.get(nodeId)?.ledger.incarnation ?? null;
  }

  /** An agent was welcomed to a session; from here on only this run of it is served. */
  introduce(nodeId: string, incarnation: string, session: number): void {
    const watched = this.#nodes.get(nodeId);
    const ledger =
      watched?.ledger ?? ledgerAtTermStart(this.#ports.clock.bootMs(), true, this.#ports.historyOf(nodeId));
    const next = introduced(ledger, incarnation, this.#ports.clock.bootMs());
    if (watched) {
      watched.ledger = next;
      watched.session = session;
    } else {
      this.#nodes.set(nodeId, { ...unheard(next), session });
    }
    this.#arm(nodeId);
  }

  /** True when the heartbeat is to be acknowledged. */
  heartbeat(nodeId: string, incarnation: string, heartbeat: AgentHeartbeat): boolean {
    const watched = this.#nodes.get(nodeId);
    // While its host is being cut off a node is granted nothing: what it holds must be over when its containers move.
    if (!watched || watched.offAfterMs !== null || this.#fencing?.holds(nodeId)) return false;
    const { clock } = this.#ports;
    const history = this.#ports.historyOf(nodeId);
    // An epoch that was let go of: the node was dead then, and serves again once it has taken up the present one.
    if (heartbeat.membershipEpoch !== 0 && heartbeat.membershipEpoch < history[0].epoch) return false;
    const outcome = heartbeatArrived(watched.ledger, { ...heartbeat, incarnation }, history, clock.bootMs());
    const firstHeard = outcome.ledger.heard && !watched.ledger.heard;
    watched.ledger = outcome.ledger;
    if (!outcome.acknowledge) return false;
    // Once heard, a node has no grace any more: its silence is due earlier than the timer that is armed.
    if (firstHeard) this.#arm(nodeId);
    watched.blocked = null;
    watched.lastHeartbeatWallMs = clock.wallMs();
    watched.usage = heartbeat.usage;
    if (outcome.back) {
      this.#arm(nodeId);
      // Shown late when it fails: the next silence or death is decided on the ledger, not on what is shown.
      this.#ports.heartbeatsBack(nodeId).catch(() => this.#shownAgain(nodeId));
    }
    return true;
  }

  /**
   * The node's sessions below `present` are over: nothing is acknowledged until a new Hello. One that was welcomed to the
   * present session meanwhile is served: its Hello was decided after the end.
   */
  sessionEnded(nodeId: string, present: number): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return;
    this.#fencing?.forget(nodeId);
    watched.offAfterMs = null;
    if (watched.session >= present) {
      if (watched.ledger.phase !== "deciding") return;
      watched.ledger = { ...watched.ledger, phase: "live", countsFromMs: this.#ports.clock.bootMs() };
      return this.#arm(nodeId);
    }
    watched.ledger = { ...watched.ledger, phase: "dead", incarnation: null };
    watched.blocked = null;
    watched.cancel?.();
    watched.cancel = null;
  }

  lastHeartbeatWallMs(nodeId: string): number | null {
    return this.#nodes.get(nodeId)?.lastHeartbeatWallMs ?? null;
  }

  /** Every node that is watched. */
  nodeIds(): Iterable<string> {
    return this.#nodes.keys();
  }

  liveNode(nodeId: string): LiveNode | undefined {
    const watched = this.#nodes.get(nodeId);
    return watched && { nodeId, lastHeartbeatWallMs: watched.lastHeartbeatWallMs, usage: watched.usage };
  }

  /** What of a node decides on its part in voting groups. */
  signsOf(nodeId: string): NodeSigns {
    return this.signs()(nodeId);
  }

  /** The same of many nodes, all at this moment: reading the clock costs more than looking at one. */
  signs(): SignsOf {
    const nowMs = this.#ports.clock.bootMs();
    return (nodeId) => {
      const watched = this.#nodes.get(nodeId);
      if (!watched) return NO_SIGNS;
      return new SignsAt(watched.ledger, watched.blocked !== null, this.#ports.historyOf(nodeId), nowMs);
    };
  }

  /** When a node is known to have held a lease in this term; null for one that is dead or was not heard. */
  coverageOf(nodeId: string): LeaseCoverage | null {
    const ledger = this.#nodes.get(nodeId)?.ledger;
    return ledger && ledger.phase !== "dead" ? ledger.coverage : null;
  }

  /** Silent nodes whose death cannot be proven for want of a majority. */
  blockedDeaths(): BlockedDeath[] {
    return [...this.#nodes].flatMap(
      ([nodeId, watched]) => this.#unfencedDeath(nodeId, watched) ?? watched.blocked ?? [],
    );
  }

  /** False while the node's clock is measured to run so wrong that leases do not hold on it; null: not measured yet. */
  clockSound(nodeId: string): boolean | null {
    const clock = this.#nodes.get(nodeId)?.ledger.clock;
    if (!clock || clock.difference === null) return null;
    if (clockIsUnsound(clock)) return false;
    return clock.beyond === 0 ? true : null;
  }

  // A node that may still believe that nothing fences it, for example as the one node of a fleet before there was another.
  #unfencedDeath(nodeId: string, { ledger }: Watched): BlockedDeath | null {
    if (ledger.phase !== "silent") return null;
    const history = this.#ports.historyOf(nodeId);
    const nowMs = this.#ports.clock.bootMs();
    const { epoch } = presentEpoch(history);
    if (Number.isFinite(nodeWaitMs(ledger, history, nowMs))) return null;
    const sinceMs = ledger.countsFromMs + finiteWaitMs(ledger, history, nowMs);
    if (nowMs < sinceMs) return null;
    const needed = Number.POSITIVE_INFINITY;
    const verdict = { kind: "majority_lost", epoch, needed, confirmed: 0, missing: [] } as const;
    return { nodeId, sinceMs, unfenced: true, verdict };
  }

  /** True while a node that is not dead is not heard. */
  isSilent(nodeId: string): boolean {
    const phase = this.#nodes.get(nodeId)?.ledger.phase;
    return phase === "silent" || phase === "deciding";
  }

  /** How a node stands towards somebody's word that it is off. */
  standing(nodeId: string): NodeStanding {
    const watched = this.#nodes.get(nodeId);
    if (!watched || watched.ledger.phase === "dead") return { kind: "dead" };
    const { ledger } = watched;
    if (ledger.phase === "deciding") return { kind: "deciding" };
    if (ledger.phase === "live") return { kind: "heard" };
    const overMs =
      ledger.countsFromMs + finiteWaitMs(ledger, this.#ports.historyOf(nodeId), this.#ports.clock.bootMs());
    const leftMs = overMs - this.#ports.clock.bootMs();
    return leftMs > 0 ? { kind: "lease_runs", leftMs } : { kind: "lease_over" };
  }

  /**
   * Has these nodes declared dead by `decide`, which resolves to the lowest session of each that has not ended. All of them
   * must stand as `lease_over`; until the outcome is known nothing is acknowledged to them.
   */
  async overrule(nodeIds: readonly string[], decide: () => Promise<ReadonlyMap<string, number>>): Promise<void> {
    for (const nodeId of nodeIds) {
      const watched = this.#nodes.get(nodeId);
      if (!watched) continue;
      watched.ledger = { ...watched.ledger, phase: "deciding" };
      watched.cancel?.();
      watched.cancel = null;
    }
    try {
      for (const [nodeId, present] of await decide()) this.sessionEnded(nodeId, present);
    } catch (error) {
      for (const nodeId of nodeIds) this.#lookLater(nodeId);
      throw error;
    }
  }

  // A node that was shown silent and could not be shown healthy: silence is judged again, and so is its end.
  #shownAgain(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (watched?.ledger.phase === "live") watched.ledger = { ...watched.ledger, phase: "silent" };
  }

  // One timer a node, not one a heartbeat: it looks when it fires whether anything is due.
  #arm(nodeId: string, nowMs = this.#ports.clock.bootMs()): void {
    const watched = this.#nodes.get(nodeId);
    // While a death is being decided nothing else is due; the timer that may be there asks again after a failure.
    if (!watched || watched.ledger.phase === "deciding") return;
    watched.cancel?.();
    watched.cancel = null;
    const { clock } = this.#ports;
    if (watched.offAfterMs !== null && watched.ledger.phase !== "dead") {
      watched.cancel = clock.schedule(0, () => this.#look(nodeId));
      return;
    }
    const next = nextDueMs(watched.ledger, this.#ports.historyOf(nodeId), TERM_START_GRACE_MS, nowMs);
    if (next === null) return;
    watched.cancel = clock.schedule(Math.max(0, next - nowMs), () => this.#look(nodeId));
  }

  #look(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return;
    if (watched.offAfterMs !== null) return this.#declareFenced(nodeId, watched, watched.offAfterMs);
    const { clock } = this.#ports;
    const what = due(watched.ledger, this.#ports.historyOf(nodeId), TERM_START_GRACE_MS, clock.bootMs());
    if (what === "silent") {
      this.#goneSilent(nodeId, watched);
      this.#arm(nodeId);
    } else if (what === "wait_over") {
      const verdict = this.#verdictOn(nodeId, watched.ledger);
      if (verdict.kind !== "may") return this.#lookAgain(nodeId, watched, verdict);
      // From here until the outcome is known nothing is acknowledged: a lease granted now could outlive the decision.
      watched.ledger = { ...watched.ledger, phase: "deciding" };
      this.#ports.leaseOver(nodeId, watched.lastHeartbeatWallMs).then(
        (present) => this.sessionEnded(nodeId, present),
        () => this.#lookLater(nodeId),
      );
    } else {
      this.#arm(nodeId);
    }
  }

  #goneSilent(nodeId: string, watched: Watched): void {
    watched.ledger = { ...watched.ledger, phase: "silent" };
    this.#ports.heartbeatsMissing(nodeId, watched.lastHeartbeatWallMs).catch(() => undefined);
    this.#fencing?.wish(nodeId);
  }

  #fenceRequest(nodeId: string): FenceRequest | null {
    const watched = this.#nodes.get(nodeId);
    if (watched?.ledger.phase !== "silent") return null;
    const silentForMs = this.#ports.clock.bootMs() - watched.ledger.countsFromMs;
    return this.#ports.fence?.requestOf(nodeId, silentForMs) ?? null;
  }

  #confirmedOff(nodeId: string, tookMs: number): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched || watched.ledger.phase === "dead") return;
    watched.offAfterMs = tookMs;
    // A death that is being decided already needs no other reason, unless its decision fails.
    if (watched.ledger.phase !== "deciding") this.#declareFenced(nodeId, watched, tookMs);
  }

  // Neither W nor a majority is asked: nothing was granted since before the hook was called, and the host ran nothing since.
  #declareFenced(nodeId: string, watched: Watched, tookMs: number): void {
    const { fence } = this.#ports;
    if (!fence || watched.ledger.phase === "dead") return;
    watched.cancel?.();
    watched.cancel = null;
    watched.ledger = { ...watched.ledger, phase: "deciding" };
    fence.fenced(nodeId, watched.lastHeartbeatWallMs, tookMs).then(
      (present) => this.sessionEnded(nodeId, present),
      () => this.#lookLater(nodeId),
    );
  }

  #verdictOn(nodeId: string, ledger: NodeLedger): DeathVerdict {
    const coverageOf = (voterId: string): LeaseCoverage | null => this.coverageOf(voterId);
    return deathVerdict(nodeId, ledger, this.#ports.historyOf(nodeId), coverageOf, this.#ports.clock.bootMs());
  }

  // Its peers may have kept it alive: it is dead only once a majority of them has proven otherwise. What that depends on
  // changes with every heartbeat of theirs.
  #lookAgain(nodeId: string, watched: Watched, verdict: Exclude<DeathVerdict, { kind: "may" }>): void {
    const { clock } = this.#ports;
    const { intervalMs } = presentEpoch(this.#ports.historyOf(nodeId)).policy;
    if (watched.ledger.phase === "live") this.#goneSilent(nodeId, watched);
    if (verdict.kind === "majority_lost") {
      watched.blocked = { nodeId, sinceMs: watched.blocked?.sinceMs ?? clock.bootMs(), unfenced: false, verdict };
    }
    watched.cancel?.();
    watched.cancel = clock.schedule(intervalMs, () => this.#look(nodeId));
  }

  #lookLater(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (watched?.ledger.phase !== "deciding") return;
    watched.cancel = this.#ports.clock.schedule(RETRY_MS, () => {
      if (watched.ledger.phase === "deciding") watched.ledger = { ...watched.ledger, phase: "silent" };
      this.#look(nodeId);
    });
  }
}
