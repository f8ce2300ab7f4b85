import type { Clock } from "./clock.ts";
import type { FenceCall, FenceHook, FenceOutcome, FenceRequest } from "./fence-hook.ts";
import type { RuntimeLog } from "./runtime-log.ts";

/** Calls of the hook at the same time; other nodes wait their turn, and their W runs meanwhile. */
export const FENCE_CALLS_MAX = 8;

export type NodeFencingPorts = {
  readonly hook: FenceHook;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** What the hook is to be told now; null when the node need not be fenced (any more). */
  readonly requestOf: (nodeId: string) => FenceRequest | null;
  /** The hook says that the node is off. Grants stay ended: the node is not `held` any more, the caller holds it. */
  readonly confirmedOff: (nodeId: string, tookMs: number) => void;
};

/** Which silent nodes the hook is being called for: at most FENCE_CALLS_MAX at once, one call a node. */
export class NodeFencing {
  readonly #ports: NodeFencingPorts;
  readonly #running = new Map<string, FenceCall>();
  /** In the order of their wishes; at most one entry a node. */
  readonly #waiting = new Set<string>();
  readonly #later = new Map<string, () => void>();

  constructor(ports: NodeFencingPorts) {
    this.#ports = ports;
  }

  /** The node has gone silent: calls the hook when there is a turn and it is still to be fenced then. */
  wish(nodeId: string): void {
    if (this.#running.has(nodeId)) return;
    this.#waiting.add(nodeId);
    this.#begin();
  }

  /** The same, so much later. */
  wishLater(nodeId: string, delayMs: number): void {
    this.#later.get(nodeId)?.();
    const cancel = this.#ports.clock.schedule(delayMs, () => {
      this.#later.delete(nodeId);
      this.wish(nodeId);
    });
    this.#later.set(nodeId, cancel);
  }

  /** True while the hook is being called: nothing may be granted to the node. */
  holds(nodeId: string): boolean {
    return this.#running.has(nodeId);
  }

  /** The node needs no fencing any more; a call that is under way is ended and its outcome does not count. */
  forget(nodeId: string): void {
    this.#later.get(nodeId)?.();
    this.#later.delete(nodeId);
    this.#waiting.delete(nodeId);
    const call = this.#running.get(nodeId);
    if (!call) return;
    this.#running.delete(nodeId);
    call.end();
    this.#begin();
  }

  /** Ends everything; outcomes of calls of before do not count. */
  clear(): void {
    for (const cancel of this.#later.values()) cancel();
    this.#later.clear();
    this.#waiting.clear();
    const calls = [...this.#running.values()];
    this.#running.clear();
    for (const call of calls) call.end();
  }

  #begin(): void {
    for (const nodeId of this.#waiting) {
      if (this.#running.size >= FENCE_CALLS_MAX) return;
      this.#waiting.delete(nodeId);
      const request = this.#ports.requestOf(nodeId);
      if (request) this.#call(nodeId, request);
    }
  }

  #call(nodeId: string, request: FenceRequest): void {
    const { hook, clock, log } = this.#ports;
    const startedMs = clock.bootMs();
    log.warn({ nodeId, node: request.nodeName, hook: hook.name, reason: request.reason }, "fencing a silent node");
    const call = hook.call(request);
    this.#running.set(nodeId, call);
    const ended = (outcome: FenceOutcome): void => {
      if (this.#running.get(nodeId) !== call) return;
      this.#running.delete(nodeId);
      const tookMs = Math.round(clock.bootMs() - startedMs);
      if (outcome.off) this.#ports.confirmedOff(nodeId, tookMs);
      else {
        const { reason } = outcome;
        log.warn(
          { nodeId, node: request.nodeName, tookMs, reason },
          "the fence hook proves nothing; its lease decides",
        );
      }
      this.#begin();
    };
    void call.outcome.then(ended);
  }
}
