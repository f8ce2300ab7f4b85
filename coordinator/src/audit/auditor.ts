import type { Clock } from "../runtime/clock.ts";
import type { RuntimeLog } from "../runtime/runtime-log.ts";
import { type AuditLog, NO_OBJECT, SYSTEM_ACTOR } from "./audit-entry.ts";
import { AuditTrail } from "./audit-trail.ts";
import { type Denial, DenialLedger } from "./denial-ledger.ts";

/** The audit trail with all that is written into it. */
export class Auditor {
  readonly trail: AuditTrail;
  readonly #denials: DenialLedger;
  /** Denials that are being written. */
  readonly #writing = new Set<Promise<void>>();

  constructor(log: AuditLog, clock: Clock, runtimeLog: RuntimeLog) {
    this.trail = new AuditTrail(log, clock, runtimeLog);
    this.#denials = new DenialLedger((entry) => {
      const written = this.trail.settle(entry).finally(() => this.#writing.delete(written));
      this.#writing.add(written);
    }, clock);
  }

  /** Takes note of a denial, whose answer does not wait for the entry; see DenialLedger for what becomes of many. */
  readonly deny = (denial: Denial): void => this.#denials.note(denial);

  /** Writes what the coordinator itself is about to change. Rejects with AuditUnavailable. */
  async system(method: string, name: string, kind: "token" | "user" | "", change: Record<string, string | number>) {
    await this.trail.write({
      requestId: "",
      actor: SYSTEM_ACTOR,
      method: `system/${method}`,
      permission: "",
      object: kind === "" ? NO_OBJECT : { kind, id: "", name },
      decision: "allowed",
      outcome: "ok",
      reason: "",
      counted: null,
      request: null,
      after: change,
    });
  }

  /** Writes what has been counted and what is owed. */
  async stop(): Promise<void> {
    this.#denials.flush();
    await Promise.all(this.#writing);
    await this.trail.stop();
  }
}
