import type {
  CommandsRequest,
  CommandsResponse,
  HeartbeatRequest,
  HeartbeatResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { RunLog } from "../report/run-log.ts";
import type { RunCounts } from "./run-counts.ts";

type AnyMessage = HeartbeatRequest | HeartbeatResponse | CommandsRequest | CommandsResponse;

/** Heartbeats of a node whose arrival is remembered; those of before are answered or lost. */
const REMEMBERED = 128;

type NodeExchange = {
  /** By the heartbeat's place: its number, and when it first arrived. */
  readonly sequences: Float64Array;
  readonly arrivedMs: Float64Array;
  exchangedMs: number | null;
  ackedMs: number;
  ackedSession: bigint;
  /** The run of the agent that said hello last, and the highest number that arrived since it first did. */
  incarnation: string;
  highest: number;
};

/** Looks at what agents and coordinators say to each other as it arrives. */
export class ExchangeWatch {
  readonly #time: SimulatedClock;
  /** When an acknowledgement last reached any agent, in true time. */
  #ackedMs = 0;
  /** Called before the first acknowledgement after a silence of at least so long is noted, with when that began. */
  #onOutage: { readonly atLeastMs: number; readonly ended: (fromMs: number) => void } | null = null;
  readonly #nodes = new Map<string, NodeExchange>();

  constructor(time: SimulatedClock) {
    this.#time = time;
  }

  onOutage(atLeastMs: number, ended: (fromMs: number) => void): void {
    this.#onOutage = { atLeastMs, ended };
  }

  /** True time at which an acknowledgement last reached the node's agent; 0 before the first. */
  ackedMs(nodeId: string): number {
    return this.#nodes.get(nodeId)?.ackedMs ?? 0;
  }

  /** The session of that acknowledgement: in another one than the agent's it grants nothing. */
  ackedSession(nodeId: string): bigint {
    return this.#nodes.get(nodeId)?.ackedSession ?? 0n;
  }

  /** True time since the newest heartbeat arrived whose acknowledgement has reached the agent; null before the first. */
  sinceExchangeMs(nodeId: string): number | null {
    const exchangedMs = this.#nodes.get(nodeId)?.exchangedMs ?? null;
    return exchangedMs === null ? null : this.#time.nowMs() - exchangedMs;
  }

  see(nodeId: string, from: string, to: string, message: unknown, run: { log: RunLog; counts: RunCounts }): void {
    // Whatever a stream carries is one of these four.
    const { message: inner } = message as AnyMessage;
    if (inner.case === "heartbeat") {
      this.#arrived(this.#node(nodeId), Number(inner.value.sequence));
    } else if (inner.case === "hello") {
      this.#introduced(this.#node(nodeId), inner.value.incarnation);
    } else if (inner.case === "ack") {
      const node = this.#node(nodeId);
      const nowMs = this.#time.nowMs();
      const outage = this.#onOutage;
      if (outage && nowMs - this.#ackedMs >= outage.atLeastMs) outage.ended(this.#ackedMs);
      this.#ackedMs = nowMs;
      node.ackedMs = nowMs;
      node.ackedSession = inner.value.session;
      const place = Number(inner.value.sequence) % REMEMBERED;
      if (node.sequences[place] === Number(inner.value.sequence)) {
        node.exchangedMs = Math.max(node.exchangedMs ?? 0, node.arrivedMs[place] ?? 0);
      }
      run.counts["heartbeats acknowledged"] += 1;
    } else if (inner.case === "result" && REFUSALS.has(inner.value.errorCode)) {
      run.counts["commands refused"] += 1;
    }
    if (run.log.on) run.log.note(to, `hears ${from}: ${shown(inner)}`);
  }

  // A duplicate that comes late proves nothing: what was acknowledged arrived first.
  #arrived(node: NodeExchange, sequence: number): void {
    if (sequence <= node.highest) return;
    node.highest = sequence;
    const place = sequence % REMEMBERED;
    node.sequences[place] = sequence;
    node.arrivedMs[place] = this.#time.nowMs();
  }

  // Another run numbers its heartbeats anew.
  #introduced(node: NodeExchange, incarnation: string): void {
    if (node.incarnation === incarnation) return;
    node.incarnation = incarnation;
    node.highest = 0;
    node.sequences.fill(0);
  }

  #node(nodeId: string): NodeExchange {
    let node = this.#nodes.get(nodeId);
    if (!node) {
      node = {
        sequences: new Float64Array(REMEMBERED),
        arrivedMs: new Float64Array(REMEMBERED),
        exchangedMs: null,
        ackedMs: 0,
        ackedSession: 0n,
        incarnation: "",
        highest: 0,
      };
      this.#nodes.set(nodeId, node);
    }
    return node;
  }
}

/** Results that say that the agent would not. */
const REFUSALS: ReadonlySet<string> = new Set(["no_lease", "stale_epoch", "stale_session", "refused"]);

function shown(inner: AnyMessage["message"]): string {
  const { $typeName: _name, ...value } = (inner.value ?? {}) as { $typeName?: string };
  const text = JSON.stringify(value, (key, field: unknown) => {
    if (key === "$typeName" || key === "spec" || key === "usage" || key === "capacity") return undefined;
    return typeof field === "bigint" ? Number(field) : field;
  });
  return `${inner.case} ${text}`;
}
