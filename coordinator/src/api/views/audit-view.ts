import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AuditEntrySchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { AuditReading } from "../../store/read-model/audit-readings.ts";
import { momentField } from "./amounts.ts";

/** An entry of the audit trail as the API shows it. */
export function auditEntryView(row: AuditReading): MessageInitShape<typeof AuditEntrySchema> {
  const { actorKind, actorId, actorName, tokenPrefix, address, method, permission } = row;
  const { objectKind, objectId, objectName, decision, outcome, reason, requestId, count } = row;
  return {
    sequence: BigInt(row.sequence),
    ...momentField("at", row.at),
    ...{ actorKind, actorId, actorName, tokenPrefix, address, method, permission },
    ...{ objectKind, objectId, objectName, decision, outcome, reason, requestId, count },
    ...momentField("since", row.since),
    ...(row.request && { request: row.request }),
    ...(row.before && { before: row.before }),
    ...(row.after && { after: row.after }),
  };
}
