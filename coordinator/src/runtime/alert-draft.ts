import {
  type AlertKind,
  type AlertRaise,
  type AlertRecord,
  type AlertTransition,
  acknowledgedAlert,
  alertKey,
  raisedAlert,
  resolvedAlert,
} from "../domain/alert/alert.ts";
import type { AlertNotice } from "./decision-store.ts";
import { deterministicId } from "./deterministic-id.ts";

/** The unresolved alerts as they were before: the committed ones, or an outer draft. */
export type AlertBase = {
  unresolvedAlert(key: string): AlertRecord | undefined;
  unresolvedAlerts(): Iterable<AlertRecord>;
};

/**
 * What one decision does to alerts, over those that were unresolved before: at most one stays unresolved for a kind and a
 * subject. Dropping it undoes it. `serial` is the number of the event that tells of the transition: no other has it, whatever
 * the clock does.
 */
export class AlertDraft {
  readonly #base: AlertBase;
  /** By key; null: resolved here. */
  readonly #current = new Map<string, AlertRecord | null>();
  readonly #changed = new Map<string, AlertRecord>();
  readonly #notices: AlertNotice[] = [];

  constructor(base: AlertBase) {
    this.#base = base;
  }

  unresolved(key: string): AlertRecord | undefined {
    const own = this.#current.get(key);
    return own === null ? undefined : (own ?? this.#base.unresolvedAlert(key));
  }

  *allUnresolved(): Iterable<AlertRecord> {
    for (const alert of this.#base.unresolvedAlerts()) {
      if (!this.#current.has(alertKey(alert.kind, alert.subject.id))) yield alert;
    }
    for (const alert of this.#current.values()) if (alert) yield alert;
  }

  /** The alert, when it was opened by this; null when it was unresolved already and has only been said once more. */
  raise(raise: AlertRaise, at: number, serial: number): AlertRecord | null {
    const key = alertKey(raise.kind, raise.subject.id);
    const before = this.unresolved(key);
    const alert = raisedAlert(before, raise, at, deterministicId("alert", key, serial));
    this.#put(key, alert);
    if (before) return null;
    this.#tell("opened", alert, at, serial);
    return alert;
  }

  /** The alert, when it was unresolved until now. */
  resolve(kind: AlertKind, subjectId: string, at: number, serial: number): AlertRecord | null {
    const key = alertKey(kind, subjectId);
    const before = this.unresolved(key);
    if (!before) return null;
    const alert = resolvedAlert(before, at);
    this.#put(key, alert);
    this.#tell("resolved", alert, at, serial);
    return alert;
  }

  /** The alert as it is afterwards. */
  acknowledge(alert: AlertRecord, by: string, at: number, serial: number): AlertRecord {
    if (alert.state !== "open") return alert;
    const acknowledged = acknowledgedAlert(alert, by, at);
    this.#put(alertKey(alert.kind, alert.subject.id), acknowledged);
    this.#tell("acknowledged", acknowledged, at, serial);
    return acknowledged;
  }

  merge(inner: AlertDraft): void {
    for (const [key, alert] of inner.#current) this.#current.set(key, alert);
    for (const [id, alert] of inner.#changed) this.#changed.set(id, alert);
    this.#notices.push(...inner.#notices);
  }

  /** Every alert that is not as it was. */
  changed(): AlertRecord[] {
    return [...this.#changed.values()];
  }

  notices(): AlertNotice[] {
    return this.#notices;
  }

  #put(key: string, alert: AlertRecord): void {
    this.#current.set(key, alert.state === "resolved" ? null : alert);
    this.#changed.set(alert.id, alert);
  }

  #tell(transition: AlertTransition, alert: AlertRecord, at: number, serial: number): void {
    const id = deterministicId("alert notice", alert.id, transition, serial);
    this.#notices.push({ id, transition, alert, atMs: at });
  }
}
