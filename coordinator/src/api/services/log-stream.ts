import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import type { StreamLogsRequest, StreamLogsResponseSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { Refusal } from "../../domain/refusal.ts";
import { containerNamed } from "../../store/read-model/container-readings.ts";
import { quoted } from "../../store/read-model/lookup.ts";
import { apiError } from "../api-error.ts";
import { type Caller, streamGuardKey } from "../call-context.ts";
import { demand } from "../demand-permission.ts";
import { mustSee } from "../sight.ts";
import { callerOf, oneLook, type PlaneContext } from "./plane-context.ts";

/**
 * A container's output from its node's agent. Lines are taken from the agent only as fast as the caller reads. Ends with
 * `not_placed` when the container is on no node, `node_unreachable` when its node does not answer.
 */
export async function* streamLogs(
  plane: PlaneContext,
  request: StreamLogsRequest,
  context: HandlerContext,
): AsyncIterable<MessageInitShape<typeof StreamLogsResponseSchema>> {
  await mayRead(plane, request.id, callerOf(context));
  context.values.set(streamGuardKey, (caller) => mayRead(plane, request.id, caller));
  const { row } = await containerNamed(oneLook(plane), request.id, "id");
  const { id: containerId, nodeId } = row;
  if (nodeId === null || nodeId === undefined)
    throw apiError("not_placed", `Container ${quoted(request.id)} is on no node, so it has no output.`);
  const { tailLines, follow } = request;
  const signal = AbortSignal.any([context.signal, plane.stopping]);
  try {
    for await (const batch of plane.link.readLogs(nodeId, { containerId, tailLines, follow }, signal)) {
      for (const line of batch) {
        const at = line.atMs === null ? {} : { at: timestampFromMs(Math.round(line.atMs)) };
        yield { ...at, stream: line.stream, text: line.text };
      }
    }
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
