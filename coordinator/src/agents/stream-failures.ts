import { status } from "@grpc/grpc-js";
import type { NodePeer } from "./node-peer.ts";
import type { PlaneCounters } from "./plane-counters.ts";
import type { PlaneLog } from "./plane-log.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { RpcStatus, toRpcStatus } from "./rpc-status.ts";

/** Turns what went wrong while a node was served into the status it is told, and counts and logs it once. */
export class StreamFailures {
  readonly #log: PlaneLog;
  readonly #refusals: RefusalLog;
  readonly #counters: PlaneCounters;

  constructor(log: PlaneLog, refusals: RefusalLog, counters: PlaneCounters) {
    this.#log = log;
    this.#refusals = refusals;
    this.#counters = counters;
  }

  /** The status for an error; a bug of ours is logged with its stack. */
  statusOf(error: unknown, peer: NodePeer, call: string): RpcStatus {
    const answer = toRpcStatus(error);
    const fields = { node: peer.nodeName, call };
    if (answer.code === status.UNAVAILABLE) {
      this.#refusals.refused("streams_unavailable", fields, `node is asked to come back later: ${answer.details}`);
    } else if (answer.code === status.INTERNAL) {
      this.#counters.add("handler_errors");
      this.#log.error({ ...fields, err: error }, "a call of the agent plane failed");
    }
    return answer;
  }

  /** The status for a message that the protocol does not allow here. */
  violation(text: string, peer: NodePeer, call: string): RpcStatus {
    this.#refusals.refused("protocol_violations", { node: peer.nodeName, call }, `node broke the protocol: ${text}`);
    return new RpcStatus(status.FAILED_PRECONDITION, text);
  }

  /** The status for a stream whose first message did not come. */
  silence(afterMs: number, expected: string, peer: NodePeer, call: string): RpcStatus {
    const text = `no ${expected} came within ${afterMs} ms: send it first`;
    this.#refusals.refused("first_message_timeouts", { node: peer.nodeName, call }, text);
    return new RpcStatus(status.DEADLINE_EXCEEDED, text);
  }

  /** The status for an agent that does not read what it is sent. */
  slow(text: string, peer: NodePeer, call: string): RpcStatus {
    this.#refusals.refused("streams_slow", { node: peer.nodeName, call }, text);
    return new RpcStatus(status.RESOURCE_EXHAUSTED, text);
  }
}
