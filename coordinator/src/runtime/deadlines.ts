import type { Deadline } from "../domain/container/container-context.ts";
import type { Clock } from "./clock.ts";
import type { ContainerRecord } from "./fleet-view.ts";

/**
 * No wait of an actor is longer. A wall clock that was set back, or that of a coordinator which takes over is behind, would
 * otherwise make a stored moment as late as the clocks differ; so no wait is armed for longer than it was meant to last.
 */
const DELAY_MAX_MS = 30 * 60_000;

export type DueDeadline = { readonly containerId: string; readonly name: string; readonly due: number };

/**
 * Wakes containers' actors at the moments that their committed snapshots name. XState's own delayed transitions are not
 * armed again when a snapshot is restored, so the moments are data and the arming is ours.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #onDue: (deadline: DueDeadline) => void;
  readonly #armed = new Map<string, { name: string; due: number; cancel: () => void }>();

  constructor(clock: Clock, onDue: (deadline: DueDeadline) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Arms what the snapshot asks for and disarms what it asks for no more. */
  follow(container: ContainerRecord): void {
    const { context } = container.snapshot;
    this.#arm(`${context.id}/life`, context.id, context.deadline);
    this.#arm(`${context.id}/move`, context.id, context.moveDeadline);
  }

  forget(containerId: string): void {
    this.#arm(`${containerId}/life`, containerId, null);
    this.#arm(`${containerId}/move`, containerId, null);
  }

  clear(): void {
    for (const armed of this.#armed.values()) armed.cancel();
    this.#armed.clear();
  }

  #arm(key: string, containerId: string, deadline: Deadline | null): void {
    const armed = this.#armed.get(key);
    if (armed && deadline && armed.name === deadline.name && armed.due === deadline.at) return;
    armed?.cancel();
    this.#armed.delete(key);
    if (!deadline) return;
    const lastsMs = Math.min(DELAY_MAX_MS, deadline.lastsMs ?? DELAY_MAX_MS);
    const delayMs = Math.min(lastsMs, Math.max(0, deadline.at - this.#clock.wallMs()));
    const cancel = this.#clock.schedule(delayMs, () => {
      this.#armed.delete(key);
      this.#onDue({ containerId, name: deadline.name, due: deadline.at });
    });
    this.#armed.set(key, { name: deadline.name, due: deadline.at, cancel });
  }
}
