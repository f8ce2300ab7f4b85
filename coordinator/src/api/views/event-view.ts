import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { EventSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { EventReading } from "../../store/read-model/event-readings.ts";
import { momentField } from "./amounts.ts";

/** An event as the API shows it. */
export function eventView(row: EventReading): MessageInitShape<typeof EventSchema> {
  return {
    sequence: BigInt(row.sequence),
    ...momentField("at", row.at),
    type: row.type,
    severity: row.severity,
    message: row.message,
    nodeId: row.nodeId ?? "",
    containerId: row.containerId ?? "",
    migrationId: row.migrationId ?? "",
    // The column holds JSON, so what is read from it is JSON.
    data: row.data as JsonObject,
    requestId: row.requestId,
  };
}
