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

type NodeExchange = { readonly arrivedMs: Float64Array; exchangedMs: number | null };

/** Looks at what agents and coordinators say to each other as it arrives. */
export class ExchangeWatch {
  readonly #time: SimulatedClock;
  /** When an acknowledgement last reached any agent, in true time. */
  ackedMs = 0;
  readonly #nodes = new Map<string, NodeExchange>();

  constructor(time: SimulatedClock) {
    this.#time = time;
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
      this.#node(nodeId).arrivedMs[Number(inner.value.sequence) % REMEMBERED] = this.#time.nowMs();
    } else if (inner.case === "ack") {
      const node = this.#node(nodeId);
      this.ackedMs = this.#time.nowMs();
      node.exchangedMs = node.arrivedMs[Number(inner.value.sequence) % REMEMBERED] ?? null;
      run.counts["heartbeats acknowledged"] += 1;
    } else if (inner.case === "result" && REFUSALS.has(inner.value.errorCode)) {
      run.counts["commands refused"] += 1;
    }
    if (run.log.on) run.log.note(to, `hears ${from}: ${shown(inner)}`);
  }

  #node(nodeId: string): NodeExchange {
    let node = this.#nodes.get(nodeId);
    if (!node) {
      node = { arrivedMs: new Float64Array(REMEMBERED), exchangedMs: null };
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
