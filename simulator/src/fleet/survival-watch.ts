import type { NodeHost } from "../host/node-host.ts";
import type { ExchangeWatch } from "./exchange-watch.ts";
import type { MajoritySight } from "./majority-sight.ts";
import type { RunCounts } from "./run-counts.ts";

export type SurvivalWatchParts = {
  readonly sight: MajoritySight;
  readonly exchanges: ExchangeWatch;
  readonly nodes: () => readonly NodeHost[];
  readonly counts: RunCounts;
  readonly note: (who: string, text: string) => void;
  readonly fail: (text: string) => void;
};

/**
 * Holds every kill for want of a lease against the promise that a dead control plane stops no container whose node sees a
 * majority. Each node is judged by itself, by what it could reach: whoever of its voters holds a lease counts as one that gives
 * no vote, so that a leader which serves others and not this node is told from one that is away.
 */
export class SurvivalWatch {
  readonly #parts: SurvivalWatchParts;
  /** Hard ends at which a node has killed; what it finds after that was started too late, and is killed with the rest. */
  readonly #hardEnds = new Map<NodeHost, number | null>();

  constructor(parts: SurvivalWatchParts) {
    this.#parts = parts;
  }

  /** The node has begun to kill what runs, or goes on with what has appeared since. */
  killed(node: NodeHost): void {
    const { sight, counts, fail, exchanges } = this.#parts;
    const { deadlineMs } = node;
    if (this.#hardEnds.get(node) === deadlineMs) return;
    this.#hardEnds.set(node, deadlineMs);
    // Without a lease in this boot there is nothing that votes could prolong.
    const seen = deadlineMs === null ? null : sight.before(node, deadlineMs);
    if (deadlineMs === null || !seen || seen.kind === "unclear") {
      counts["kills not judged"] += 1;
      return;
    }
    counts["kills judged"] += 1;
    if (seen.kind !== "majority") return;
    const others = seen.voters === 1 ? "1 other voter" : `${seen.voters} other voters`;
    fail(
      `${node.name} killed its containers ${Math.round(deadlineMs - exchanges.ackedMs(node.nodeId))} ms after its last ` +
        `acknowledgement, though it saw ${others} without lease all the time`,
    );
  }

  /**
   * Nobody was acknowledged from one moment until now, for longer than any lease lasts: counts what lived through that by
   * votes alone. What should have and did not was killed, and is judged there.
   */
  outageEnds(fromMs: number): void {
    const { sight, counts, nodes, note } = this.#parts;
    let survivors = 0;
    for (const node of nodes()) {
      const lives = node.engine.copies().some((copy) => copy.ha && copy.executing);
      if (lives && sight.since(node, fromMs + sight.softLeaseMs).kind === "majority") survivors += 1;
    }
    if (survivors === 0) return;
    counts["dead control planes survived"] += 1;
    counts["nodes that survived by votes"] += survivors;
    note("world", `${survivors} nodes have survived the control plane's absence by votes`);
  }
}
