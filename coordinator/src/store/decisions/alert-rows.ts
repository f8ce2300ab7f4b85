import type { EntityData, EntityManager } from "@mikro-orm/postgresql";
import type { AlertKind, AlertRecord, AlertSeverity, AlertState, AlertSubject } from "../../domain/alert/alert.ts";
import type { DecisionChanges } from "../../runtime/decision-store.ts";
import { AlertDeliveryEntity, AlertEntity, type AlertRow } from "../entities/alert-entities.ts";

const BY_LENGTH_MAX = 256;

/** Writes alerts as they are now and, where a receiver is told of them, every transition in order. */
export async function writeAlerts(em: EntityManager, changes: DecisionChanges, deliver: boolean): Promise<void> {
  if (changes.alerts.length > 0) {
    await em.upsertMany(
      AlertEntity,
      changes.alerts.map((alert) => alertRow(alert, changes.newestSequence)),
    );
  }
  if (!deliver || changes.alertNotices.length === 0) return;
  await em.insertMany(
    AlertDeliveryEntity,
    changes.alertNotices.map(({ id, transition, alert, atMs }) => ({
      id,
      alertId: alert.id,
      transition,
      at: new Date(atMs),
      alert,
    })),
  );
}

function alertRow(alert: AlertRecord, asOf: number): EntityData<AlertRow> {
  const { subject, openedAt, raisedAt, acknowledgedAt, acknowledgedBy, resolvedAt, data, ...plain } = alert;
  return {
    ...plain,
    subjectKind: subject.kind,
    subjectId: subject.id,
    data: { ...data },
    openedAt: new Date(openedAt),
    raisedAt: new Date(raisedAt),
    acknowledgedAt: moment(acknowledgedAt),
    acknowledgedBy: acknowledgedBy.slice(0, BY_LENGTH_MAX),
    resolvedAt: moment(resolvedAt),
    asOf,
  };
}

/** The alert that a row holds; rows are written by `writeAlerts` alone, so the words are of their sets. */
export function alertOfRow(row: AlertRow): AlertRecord {
  return {
    id: row.id,
    kind: row.kind as AlertKind,
    severity: row.severity as AlertSeverity,
    subject: { kind: row.subjectKind as AlertSubject["kind"], id: row.subjectId },
    message: row.message,
    nextStep: row.nextStep,
    data: row.data,
    endsWhenAcknowledged: row.endsWhenAcknowledged,
    state: row.state as AlertState,
    openedAt: row.openedAt.getTime(),
    raisedAt: row.raisedAt.getTime(),
    acknowledgedAt: row.acknowledgedAt?.getTime() ?? null,
    acknowledgedBy: row.acknowledgedBy,
    resolvedAt: row.resolvedAt?.getTime() ?? null,
    count: row.count,
  };
}

const moment = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
