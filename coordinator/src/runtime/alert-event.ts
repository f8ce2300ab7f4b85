import type { AlertRecord, AlertTransition } from "../domain/alert/alert.ts";
import type { FleetEvent } from "./unit-of-work.ts";

/** What watchers hear of a transition of an alert; data.alertId names it. */
export function alertEvent(transition: AlertTransition, alert: AlertRecord): FleetEvent {
  const { id: alertId, kind, subject, severity, message } = alert;
  const said = {
    opened: message,
    acknowledged: `${alert.acknowledgedBy} has taken on: ${message}`,
    resolved: `over: ${message}`,
  }[transition];
  return {
    type: `alert.${transition}`,
    severity: transition === "opened" ? severity : "info",
    message: said,
    nodeId: subject.kind === "node" ? subject.id : null,
    containerId: subject.kind === "container" ? subject.id : null,
    migrationId: null,
    data: { alertId, kind, ...(subject.kind === "cluster" ? { clusterId: subject.id } : {}) },
  };
}
