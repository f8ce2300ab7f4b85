import { create } from "@bufbuild/protobuf";
import {
  type Attach,
  type CommandsRequest,
  CommandsRequestSchema,
  type CommandsResponse,
  CommandsResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { AgentCall } from "./agent-call.ts";
import { AgentStream } from "./agent-stream.ts";
import type { CommandStream } from "./agent-streams.ts";
import type { StreamServiceParts } from "./heartbeat-service.ts";
import type { NodeInbox } from "./node-inbox.ts";
import type { NodePeer } from "./node-peer.ts";
import { observedOf, resultOf } from "./wire-mapping.ts";

const CALL = "Commands";

/**
 * Commands down; results, inventories and reports up. What a node sends is handed to the intake in order, one at a time;
 * a result is acknowledged only once the intake has committed it. What was received before the agent ended its side is
 * still handed on; then the stream ends with OK, which tells the agent that its Goodbye has been taken.
 */
export class CommandService {
  readonly #parts: StreamServiceParts;
  /** Streams of which the intake has refused a message. */
  readonly #refused = new WeakSet<CommandStream>();

  constructor(parts: StreamServiceParts) {
    this.#parts = parts;
  }

  /** Serves one command stream of an authenticated node. */
  handle(call: AgentCall<CommandsRequest, CommandsResponse>, peer: NodePeer): void {
    const { failures, validator, limits, clock, streams, intake } = this.#parts;
    const stream: CommandStream = new AgentStream(call, peer, () => intake.leads());
    const cancelDeadline = clock.schedule(limits.firstMessageMs, () =>
      stream.open ? streams.fail(stream, failures.silence(limits.firstMessageMs, "Attach", peer, CALL)) : undefined,
    );
    stream.onClosed(cancelDeadline);
    let incarnation: string | null = null;
    stream.read(
      (message) => {
        validator.check(CommandsRequestSchema, message);
        if (incarnation === null) {
          if (message.message.case !== "attach") {
            return streams.fail(
              stream,
              failures.violation("the first message must be an Attach: dial again", peer, CALL),
            );
          }
          cancelDeadline();
          incarnation = message.message.value.incarnation;
          stream.pause();
          void this.#attach(stream, message.message.value);
        } else {
          this.#enqueue(stream, incarnation, message);
        }
      },
      (error) => streams.fail(stream, failures.statusOf(error, peer, CALL)),
      () => {
        if (incarnation === null) return stream.finish();
        streams.inbox(peer.nodeId).add(async () => stream.finish());
      },
    );
  }

  async #attach(stream: CommandStream, attach: Attach): Promise<void> {
    const { intake, streams, failures } = this.#parts;
    const { nodeId } = stream.peer;
    try {
      const attachment = streams.beginAttach(stream, attach.incarnation);
      const { term } = await intake.attach(nodeId, attach.incarnation, Number(attach.session));
      streams.completeAttach(
        attachment,
        create(CommandsResponseSchema, { message: { case: "attached", value: { term: BigInt(term) } } }),
      );
      if (stream.open) readWhenRoom(stream, streams.inbox(nodeId));
    } catch (error) {
      streams.fail(stream, failures.statusOf(error, stream.peer, CALL));
    }
  }

  #enqueue(stream: CommandStream, incarnation: string, request: CommandsRequest): void {
    const { streams, failures, authoritiesReported } = this.#parts;
    const inbox = streams.inbox(stream.peer.nodeId);
    if (request.message.case === "attach") {
      return streams.fail(stream, failures.violation("only the first message may be an Attach", stream.peer, CALL));
    }
    // It concerns a person who waits, and nothing that is stored.
    if (request.message.case === "consoleResult") {
      return streams.inputAnswered(stream.peer.nodeId, request.message.value);
    }
    // It is no business of the intake's, nor of what is stored in its order.
    if (request.message.case === "authorities") {
      const { trusted, issuer } = request.message.value;
      return authoritiesReported({ nodeId: stream.peer.nodeId, trusted: [...new Set(trusted)], issuer });
    }
    inbox.add(async () => {
      // Once the intake has refused a message, those behind it must not overtake it: the agent sends all of them again.
      if (this.#refused.has(stream)) return;
      try {
        await this.#take(stream, incarnation, request);
      } catch (error) {
        this.#refused.add(stream);
        streams.fail(stream, failures.statusOf(error, stream.peer, CALL));
      }
    });
    if (inbox.full) {
      stream.pause();
      readWhenRoom(stream, inbox);
    }
  }

  async #take(stream: CommandStream, incarnation: string, request: CommandsRequest): Promise<void> {
    const { intake, counters, limits } = this.#parts;
    const { nodeId } = stream.peer;
    const { message } = request;
    switch (message.case) {
      case "result": {
        await intake.commandResult(nodeId, incarnation, resultOf(message.value));
        counters.add("results_stored");
        const { commandId } = message.value;
        stream.write(create(CommandsResponseSchema, { message: { case: "resultAck", value: { commandId } } }));
        if (stream.waiting >= limits.commandsBufferedMax) await new Promise<void>((done) => stream.onDrain(done));
        return;
      }
      case "inventory": {
        const workloads = message.value.workloads.flatMap((workload) => observedOf(workload) ?? []);
        return await intake.inventory(nodeId, incarnation, Number(message.value.session), workloads);
      }
      case "report": {
        const observed = message.value.status === undefined ? null : observedOf(message.value.status);
        if (observed !== null) await intake.report(nodeId, incarnation, observed);
        return;
      }
      case "goodbye":
        return await intake.goodbye(nodeId, incarnation, Number(message.value.session));
      case "attach":
      case "consoleResult":
      case "authorities":
      case undefined:
        return;
      default:
        return message satisfies never;
    }
  }
}

/** Reads on once the inbox has room, which may be now. */
function readWhenRoom(stream: CommandStream, inbox: NodeInbox): void {
  if (inbox.full) inbox.onRoom(() => stream.resume());
  else stream.resume();
}
