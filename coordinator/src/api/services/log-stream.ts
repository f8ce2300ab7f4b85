import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type {
  StreamLogsRequest,
  StreamLogsResponseSchema,
  StreamTerminalRequest,
  StreamTerminalResponseSchema,
} from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { containerNamed } from "../../store/read-model/container-readings.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import { apiError } from "../api-error.ts";
import { type Caller, streamGuardKey } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { mustSee } from "../sight.ts";
import { callerOf, oneLook, type PlaneContext } from "./plane-context.ts";

/** What streams of a container's output have in common: where to read it, and until when. */
type Reading = { readonly nodeId: string; readonly containerId: string; readonly signal: AbortSignal };

/**
 * A container's output from its node's agent. Lines are taken from the agent only as fast as the caller reads. Ends with
 * `not_placed` when the container is on no node, `node_unreachable` when its node does not answer.
 */
export async function* streamLogs(
  plane: PlaneContext,
  request: StreamLogsRequest,
  context: HandlerContext,
): AsyncIterable<MessageInitShape<typeof StreamLogsResponseSchema>> {
  const { tailLines, follow } = request;
  const source = ({ nodeId, containerId, signal }: Reading) =>
    plane.link.readLogs(nodeId, { containerId, tailLines, follow }, signal);
  for await (const batch of readOutput(plane, request.id, context, source)) {
    for (const line of batch) {
      const at = line.atMs === null ? {} : { at: timestampFromMs(Math.round(line.atMs)) };
      yield { ...at, stream: line.stream, text: line.text };
    }
  }
}

/** What a container's terminal shows; see ContainerService.StreamTerminal. */
export async function* streamTerminal(
  plane: PlaneContext,
  request: StreamTerminalRequest,
  context: HandlerContext,
): AsyncIterable<MessageInitShape<typeof StreamTerminalResponseSchema>> {
  const source = ({ nodeId, containerId, signal }: Reading) => plane.link.readTerminal(nodeId, containerId, signal);
  for await (const { bytes, skippedBytes } of readOutput(plane, request.id, context, source)) {
    yield { output: bytes, skippedBytes: BigInt(skippedBytes) };
  }
}

async function* readOutput<Piece>(
  plane: PlaneContext,
  named: string,
  context: HandlerContext,
  source: (reading: Reading) => AsyncIterable<Piece>,
): AsyncGenerator<Piece, void, undefined> {
  await mayRead(plane, named, callerOf(context));
  context.values.set(streamGuardKey, (caller) => mayRead(plane, named, caller));
  const { row } = await containerNamed(oneLook(plane), named, "id");
  const { id: containerId, nodeId } = row;
  if (nodeId === null || nodeId === undefined)
    throw apiError("not_placed", `Container ${quoted(named)} is on no node, so it has no output.`);
  const signal = AbortSignal.any([context.signal, plane.stopping]);
  try {
    yield* source({ nodeId, containerId, signal });
  } catch (thrown) {
    if (thrown instanceof Refusal && thrown.code === "busy") {
      throw apiError("node_unreachable", thrown.message, { cause: thrown });
    }
    throw thrown;
  }
  if (plane.stopping.aborted) throw apiError("shutting_down", "The coordinator is stopping.");
}

async function mayRead(plane: PlaneContext, named: string, caller: Caller): Promise<void> {
  const { name, place } = await mustSee(oneLook(plane), caller, "container", named, "id");
  demand(caller, "container:logs:view", { place, what: `container ${name}` });
}
