import { dutyDeadline } from "../domain/maintenance/duty-context.ts";
import type { Clock } from "./clock.ts";
import type { NodeRecord } from "./fleet-view.ts";

/** A timer is armed for no longer than this; then the wall clock is looked at again, which may have been set meanwhile. */
const STRETCH_MAX_MS = 10 * 60_000;

/** Wakes the duties of nodes at the moments that their committed snapshots name: days ahead, too, and after any restart. */
export class DutyDeadlines {
  readonly #clock: Clock;
  readonly #onDue: (nodeId: string, due: number) => void;
  readonly #armed = new Map<string, { due: number; cancel: () => void }>();

  constructor(clock: Clock, onDue: (nodeId: string, due: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Arms what the snapshot asks for and disarms what it asks for no more. */
  follow(node: NodeRecord): void {
    const nodeId = node.facts.id;
    const due = node.duty.value === "in_service" ? null : dutyDeadline(node.duty.context);
    const armed = this.#armed.get(nodeId);
    if (armed && armed.due === due) return;
    armed?.cancel();
    this.#armed.delete(nodeId);
    if (due !== null) this.#arm(nodeId, due);
  }

  forget(nodeId: string): void {
    this.#armed.get(nodeId)?.cancel();
    this.#armed.delete(nodeId);
  }

  clear(): void {
    for (const armed of this.#armed.values()) armed.cancel();
    this.#armed.clear();
  }

  #arm(nodeId: string, due: number): void {
    const leftMs = due - this.#clock.wallMs();
    const cancel = this.#clock.schedule(Math.min(STRETCH_MAX_MS, Math.max(0, leftMs)), () => {
      if (this.#clock.wallMs() < due) return this.#arm(nodeId, due);
      this.#armed.delete(nodeId);
      this.#onDue(nodeId, due);
    });
    this.#armed.set(nodeId, { due, cancel });
  }
}
