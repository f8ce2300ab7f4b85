import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import {
  due,
  heartbeatArrived,
  introduced,
  ledgerAtTermStart,
  type NodeLedger,
  nextDueMs,
} from "@lormas/lease/node-ledger.ts";
import type { AgentHeartbeat } from "./agent-intake.ts";
import type { Clock } from "./clock.ts";
import type { LiveNode } from "./operations.ts";
import { NO_RESOURCES, type Resources } from "../domain/resources.ts";

/** What the watch asks to be decided. Each resolves when committed, and rejects when it is not known to be. */
export type NodeWatchPorts = {
  readonly clock: Clock;
  readonly policyOf: (nodeId: string) => LeasePolicy;
  readonly heartbeatsMissing: (nodeId: string, lastHeartbeatAtMs: number | null) => Promise<void>;
  readonly heartbeatsBack: (nodeId: string) => Promise<void>;
  readonly leaseOver: (nodeId: string, lastHeartbeatAtMs: number | null) => Promise<void>;
};

/** How long a node that was not heard in this term yet is given to find the new leader, at least. */
export const TERM_START_GRACE_MS = 8_000;
const RETRY_MS = 250;

type Watched = {
  ledger: NodeLedger;
  lastHeartbeatWallMs: number | null;
  usage: Resources;
  cancel: (() => void) | null;
};

/** Keeps the ledgers of all nodes: renews leases in memory, and has decided what their absence means. */
export class NodeWatch {
  readonly #ports: NodeWatchPorts;
  readonly #nodes = new Map<string, Watched>();

  constructor(ports: NodeWatchPorts) {
    this.#ports = ports;
  }

  /** Begins a term: every node's W starts afresh. What was last heard is kept for show. */
  beginTerm(nodes: Iterable<{ nodeId: string; dead: boolean; lastHeartbeatAtMs: number | null }>): void {
    const before = new Map(this.#nodes);
    this.clear();
    for (const { nodeId, dead, lastHeartbeatAtMs } of nodes) {
      const old = before.get(nodeId);
      this.#nodes.set(nodeId, {
        ledger: ledgerAtTermStart(this.#ports.clock.bootMs(), dead),
        lastHeartbeatWallMs: old?.lastHeartbeatWallMs ?? lastHeartbeatAtMs,
        usage: old?.usage ?? NO_RESOURCES,
        cancel: null,
      });
      this.#arm(nodeId);
    }
  }

  /** Goes on within the same term after the state was read anew: deaths that were being decided are looked at again. */
  resume(isDead: (nodeId: string) => boolean): void {
    for (const [nodeId, watched] of this.#nodes) {
      if (watched.ledger.phase === "deciding") {
        watched.ledger = { ...watched.ledger, phase: isDead(nodeId) ? "dead" : "silent" };
      }
      this.#arm(nodeId);
    }
  }

  clear(): void {
    for (const watched of this.#nodes.values()) watched.cancel?.();
    this.#nodes.clear();
  }

  servedIncarnation(nodeId: string): string | null {
    return this.#nodes.get(nodeId)?.ledger.incarnation ?? null;
  }

  introduce(nodeId: string, incarnation: string): void {
    const watched = this.#nodes.get(nodeId);
    const ledger = watched?.ledger ?? ledgerAtTermStart(this.#ports.clock.bootMs(), true);
    const next = introduced(ledger, incarnation, this.#ports.clock.bootMs());
    if (watched) watched.ledger = next;
    else this.#nodes.set(nodeId, { ledger: next, lastHeartbeatWallMs: null, usage: NO_RESOURCES, cancel: null });
    this.#arm(nodeId);
  }

  /** True when the heartbeat is to be acknowledged. */
  heartbeat(nodeId: string, incarnation: string, heartbeat: AgentHeartbeat): boolean {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return false;
    const { clock } = this.#ports;
    const outcome = heartbeatArrived(
      watched.ledger,
      { incarnation, sequence: heartbeat.sequence, lastAckSeen: heartbeat.lastAckSeen },
      this.#ports.policyOf(nodeId),
      clock.bootMs(),
    );
    const firstHeard = outcome.ledger.heard && !watched.ledger.heard;
    watched.ledger = outcome.ledger;
    if (!outcome.acknowledge) return false;
    // Once heard, a node has no grace any more: its silence is due earlier than the timer that is armed.
    if (firstHeard) this.#arm(nodeId);
    watched.lastHeartbeatWallMs = clock.wallMs();
    watched.usage = heartbeat.usage;
    if (outcome.back) {
      this.#arm(nodeId);
      // Shown late when it fails: the next silence or death is decided on the ledger, not on what is shown.
      this.#ports.heartbeatsBack(nodeId).catch(() => this.#shownAgain(nodeId));
    }
    return true;
  }

  /** The node's session is over: nothing is acknowledged until a new Hello. */
  sessionEnded(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return;
    watched.ledger = { ...watched.ledger, phase: "dead", incarnation: null };
    watched.cancel?.();
    watched.cancel = null;
  }

  lastHeartbeatWallMs(nodeId: string): number | null {
    return this.#nodes.get(nodeId)?.lastHeartbeatWallMs ?? null;
  }

  live(): LiveNode[] {
    return [...this.#nodes].map(([nodeId, { lastHeartbeatWallMs, usage }]) => ({ nodeId, lastHeartbeatWallMs, usage }));
  }

  // A node that was shown silent and could not be shown healthy: silence is judged again, and so is its end.
  #shownAgain(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (watched?.ledger.phase === "live") watched.ledger = { ...watched.ledger, phase: "silent" };
  }

  // One timer a node, not one a heartbeat: it looks when it fires whether anything is due.
  #arm(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return;
    watched.cancel?.();
    watched.cancel = null;
    const { clock } = this.#ports;
    const next = nextDueMs(watched.ledger, this.#ports.policyOf(nodeId), TERM_START_GRACE_MS);
    if (next === null) return;
    watched.cancel = clock.schedule(Math.max(0, next - clock.bootMs()), () => this.#look(nodeId));
  }

  #look(nodeId: string): void {
    const watched = this.#nodes.get(nodeId);
    if (!watched) return;
    const { clock } = this.#ports;
    const what = due(watched.ledger, this.#ports.policyOf(nodeId), TERM_START_GRACE_MS, clock.bootMs());
    if (what === "silent") {
      watched.ledger = { ...watched.ledger, phase: "silent" };
      this.#arm(nodeId);
      this.#ports.heartbeatsMissing(nodeId, watched.lastHeartbeatWallMs).catch(() => undefined);
    } else if (what === "wait_over") {
      // From here until the outcome is known nothing is acknowledged: a lease granted now could outlive the decision.
      watched.ledger = { ...watched.ledger, phase: "deciding" };
      this.#ports.leaseOver(nodeId, watched.lastHeartbeatWallMs).then(
        () => this.sessionEnded(nodeId),
        () => this.#lookLater(nodeId),
      );
    } else {
      this.#arm(nodeId);
    }
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
