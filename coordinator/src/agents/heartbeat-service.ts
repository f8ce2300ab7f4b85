import { create } from "@bufbuild/protobuf";
import {
  type Heartbeat,
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  type HeartbeatResponse,
  HeartbeatResponseSchema,
  type Hello,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { AgentIntake } from "../runtime/agent-intake.ts";
import type { Clock } from "../runtime/clock.ts";
import type { AgentCall } from "./agent-call.ts";
import { AgentStream } from "./agent-stream.ts";
import type { AgentStreams, HeartbeatStream } from "./agent-streams.ts";
import type { MessageValidator } from "./message-validator.ts";
import type { NodePeer } from "./node-peer.ts";
import type { TrustReport } from "./pki/authority-register.ts";
import type { PlaneCounters } from "./plane-counters.ts";
import type { PlaneLimits } from "./plane-limits.ts";
import type { StreamFailures } from "./stream-failures.ts";
import { ackTo, heartbeatOf, helloOf, welcomeTo } from "./wire-mapping.ts";

const CALL = "Heartbeat";

export type StreamServiceParts = {
  readonly intake: AgentIntake;
  readonly streams: AgentStreams;
  readonly validator: MessageValidator;
  readonly failures: StreamFailures;
  readonly counters: PlaneCounters;
  readonly limits: PlaneLimits;
  readonly clock: Clock;
  /** A node has said whom it trusts. */
  readonly authoritiesReported: (report: TrustReport) => void;
};

/**
 * Heartbeats up, acknowledgements down. A heartbeat is answered within the event that brought it: no promise, no query,
 * no log line, so that nothing else that goes on here delays a lease.
 */
export class HeartbeatService {
  readonly #parts: StreamServiceParts;

  constructor(parts: StreamServiceParts) {
    this.#parts = parts;
  }

  /** Serves one heartbeat stream of an authenticated node. */
  handle(call: AgentCall<HeartbeatRequest, HeartbeatResponse>, peer: NodePeer): void {
    const { failures, validator, limits, clock, streams, intake } = this.#parts;
    const stream: HeartbeatStream = new AgentStream(call, peer, () => intake.leads());
    const cancelDeadline = clock.schedule(limits.firstMessageMs, () =>
      stream.open ? streams.fail(stream, failures.silence(limits.firstMessageMs, "Hello", peer, CALL)) : undefined,
    );
    stream.onClosed(cancelDeadline);
    let incarnation: string | null = null;
    stream.read(
      (request) => {
        validator.check(HeartbeatRequestSchema, request);
        const { message } = request;
        if (message.case === "heartbeat" && incarnation !== null) {
          this.#heartbeat(stream, incarnation, message.value);
        } else if (message.case === "hello" && incarnation === null) {
          cancelDeadline();
          incarnation = message.value.incarnation;
          // Nothing more is read until the intake has decided, so every heartbeat that is read comes after the Welcome.
          stream.pause();
          void this.#welcome(stream, message.value);
        } else {
          const expected = incarnation === null ? "the first message must be a Hello" : "only the first may be a Hello";
          streams.fail(stream, failures.violation(`${expected}: dial again`, peer, CALL));
        }
      },
      (error) => streams.fail(stream, failures.statusOf(error, peer, CALL)),
      () => stream.finish(),
    );
  }

  async #welcome(stream: HeartbeatStream, wire: Hello): Promise<void> {
    const { intake, streams, failures } = this.#parts;
    try {
      const hello = helloOf(wire);
      const terms = await intake.hello(stream.peer.nodeId, hello);
      streams.serve(stream, hello.incarnation, wire.features);
      stream.write(create(HeartbeatResponseSchema, { message: { case: "welcome", value: welcomeTo(terms) } }));
      stream.resume();
    } catch (error) {
      streams.fail(stream, failures.statusOf(error, stream.peer, CALL));
    }
  }

  #heartbeat(stream: HeartbeatStream, incarnation: string, heartbeat: Heartbeat): void {
    const { intake, streams, counters, limits, failures } = this.#parts;
    if (stream.waiting >= limits.acksBufferedMax) {
      return streams.fail(
        stream,
        failures.slow(`${stream.waiting} acknowledgements have not been read: dial again`, stream.peer, CALL),
      );
    }
    const ack = intake.heartbeat(stream.peer.nodeId, incarnation, heartbeatOf(heartbeat));
    if (ack === null) return counters.add("heartbeats_unacked");
    counters.add("heartbeats_acked");
    stream.write(create(HeartbeatResponseSchema, { message: { case: "ack", value: ackTo(ack) } }));
  }
}
