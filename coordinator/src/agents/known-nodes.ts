import type { Clock } from "../runtime/clock.ts";
import type { NodeRegister, RegisteredNode } from "./node-register.ts";

/** Nodes that are remembered; beyond it the oldest is forgotten and looked up again. */
const NODES_MAX = 20_000;

/** The node register, remembered for a few seconds so that a storm of reconnects does not become one of queries. */
export class KnownNodes {
  readonly #register: NodeRegister;
  readonly #clock: Clock;
  readonly #keptMs: number;
  readonly #known = new Map<string, { node: RegisteredNode | null; atMs: number }>();
  /** Counts forgettings, so that an answer that was under way while its node was forgotten is not remembered. */
  #forgettings = 0;

  constructor(register: NodeRegister, clock: Clock, keptMs: number) {
    this.#register = register;
    this.#clock = clock;
    this.#keptMs = keptMs;
  }

  /** The node as it stood at most keptMs ago; null when it is not enrolled. Rejects when it cannot be looked up. */
  async find(nodeId: string): Promise<RegisteredNode | null> {
    const known = this.#known.get(nodeId);
    const nowMs = this.#clock.bootMs();
    if (known !== undefined && nowMs - known.atMs < this.#keptMs) return known.node;
    const forgettings = this.#forgettings;
    const node = await this.#register.find(nodeId);
    if (forgettings === this.#forgettings) {
      this.#known.delete(nodeId);
      this.#known.set(nodeId, { node, atMs: nowMs });
      const [oldest] = this.#known.keys();
      if (this.#known.size > NODES_MAX && oldest !== undefined) this.#known.delete(oldest);
    }
    return node;
  }

  forget(nodeId: string): void {
    this.#forgettings += 1;
    this.#known.delete(nodeId);
  }
}
