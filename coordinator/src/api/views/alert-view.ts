import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type AlertSchema, AlertSeverity, AlertState } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { AlertReading } from "../../store/read-model/alert-readings.ts";

const STATE = {
  open: AlertState.OPEN,
  acknowledged: AlertState.ACKNOWLEDGED,
  resolved: AlertState.RESOLVED,
} as const;

/** An alert as the API shows it. */
export function alertView({ alert, subjectName, asOf }: AlertReading): MessageInitShape<typeof AlertSchema> {
  const { id, kind, message, nextStep, count, acknowledgedBy, acknowledgedAt, resolvedAt } = alert;
  return {
    id,
    kind,
    severity: alert.severity === "error" ? AlertSeverity.ERROR : AlertSeverity.WARNING,
    state: STATE[alert.state],
    subjectKind: alert.subject.kind,
    subjectId: alert.subject.id,
    subjectName,
    message,
    nextStep,
    openedAt: timestampFromMs(alert.openedAt),
    raisedAt: timestampFromMs(alert.raisedAt),
    count,
    acknowledgedBy,
    ...(acknowledgedAt === null ? {} : { acknowledgedAt: timestampFromMs(acknowledgedAt) }),
    ...(resolvedAt === null ? {} : { resolvedAt: timestampFromMs(resolvedAt) }),
    // Written as JSON and read back from a column of JSON.
    data: alert.data as JsonObject,
    asOf,
  };
}
