import { create } from "@bufbuild/protobuf";
import { Metadata, type ServerReadableStream, type sendUnaryData, status } from "@grpc/grpc-js";
import {
  type PushLogsRequest,
  PushLogsRequestSchema,
  type PushLogsResponse,
  PushLogsResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { Refusal } from "../domain/refusal.ts";
import { agentGone } from "./agent-streams.ts";
import { refusalOf } from "./console-inputs.ts";
import type { StreamServiceParts } from "./heartbeat-service.ts";
import type { LogReading } from "./log-reading.ts";
import type { NodePeer } from "./node-peer.ts";
import { RpcStatus } from "./rpc-status.ts";
import { text } from "./wire-mapping.ts";

const CALL = "PushLogs";
const REASON_CHARS_MAX = 2_048;

/** Takes log lines up to the reading that asked for them. The stream is read only as fast as the reading is. */
export class LogService {
  readonly #parts: StreamServiceParts;

  constructor(parts: StreamServiceParts) {
    this.#parts = parts;
  }

  /** Serves one PushLogs stream of an authenticated node. */
  handle(
    call: ServerReadableStream<PushLogsRequest, PushLogsResponse>,
    answer: sendUnaryData<PushLogsResponse>,
    peer: NodePeer,
  ): void {
    const { failures, validator, limits, clock, counters } = this.#parts;
    let reading: LogReading | null = null;
    let answered = false;
    const end = (error: RpcStatus | null): void => {
      if (answered) return;
      answered = true;
      cancelDeadline();
      if (error === null) answer(null, create(PushLogsResponseSchema));
      else answer(error);
      // What still comes is read and thrown away, so that the connection does not fill up.
      call.resume();
    };
    const cancelDeadline = clock.schedule(limits.firstMessageMs, () =>
      end(failures.silence(limits.firstMessageMs, "message with a log_id", peer, CALL)),
    );
    call.on("data", (request: PushLogsRequest) => {
      if (answered) return;
      try {
        validator.check(PushLogsRequestSchema, request);
        if (reading === null) {
          cancelDeadline();
          reading = this.#reading(peer, request.logId);
          reading.open({ pause: () => call.pause(), resume: () => call.resume(), stop: () => end(null) });
        }
        counters.add("log_lines", request.lines.length);
        reading.push(request);
        if (request.error !== "") reading.finish(unreadable(peer, request));
      } catch (error) {
        const failure = failures.statusOf(error, peer, CALL);
        reading?.finish(agentGone(peer.nodeName));
        end(failure);
      }
    });
    call.once("end", () => {
      // grpc-js ends a stream whose connection broke as it ends one that is complete. Sending makes it look: it says
      // "cancelled" before the next turn if the stream has gone. (A cancel by the agent itself reads as complete.)
      call.sendMetadata(new Metadata());
      clock.schedule(0, () => {
        reading?.finish(call.cancelled ? agentGone(peer.nodeName) : null);
        end(null);
      });
    });
    call.once("close", () => {
      reading?.finish(agentGone(peer.nodeName));
      end(null);
    });
  }

  #reading(peer: NodePeer, logId: string): LogReading {
    const reading = this.#parts.streams.reading(peer.nodeId, logId);
    if (reading === null || reading.over) {
      throw new RpcStatus(status.NOT_FOUND, `nobody reads the logs ${logId}: stop sending them`);
    }
    if (reading.opened) throw new RpcStatus(status.ALREADY_EXISTS, `the logs ${logId} are sent on another stream`);
    return reading;
  }
}

function unreadable(peer: NodePeer, { error, errorCode }: PushLogsRequest): Refusal {
  const reason = text(error, REASON_CHARS_MAX);
  if (errorCode !== "") return refusalOf(errorCode, reason);
  return new Refusal("busy", `node ${peer.nodeName} could not read the logs: ${reason}`, "try again", {
    retryAfterMs: 1_000,
  });
}
