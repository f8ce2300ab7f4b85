import { EventQueue, type ScheduledEvent } from "./event-queue.ts";

/** Events that are run before the machine's event loop is let in again. */
const EVENTS_PER_TURN = 256;

/** Hears of every event before it runs. */
export type EventListener = (event: ScheduledEvent) => void;

/**
 * True time, which nobody in the simulated fleet can read. It stands still while an event and everything that its promises
 * set off run, and then jumps to the next event.
 */
export class SimulatedClock {
  readonly #queue = new EventQueue();
  #nowMs = 0;
  #events = 0;
  #onEvent: EventListener | null = null;

  nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have run. */
  get events(): number {
    return this.#events;
  }

  onEvent(listener: EventListener): void {
    this.#onEvent = listener;
  }

  /** Lets something happen after so much true time; the answer cancels it, any number of times. */
  after(delayMs: number, who: string, what: string, run: () => void): () => void {
    const event = this.#queue.add(this.#nowMs + Math.max(0, delayMs), who, what, run);
    return () => {
      event.run = null;
    };
  }

  /**
   * Runs events until `done` says so or none is left. Each is an immediate of its own: between two of them Node runs every
   * promise that has become ready, to the last one. Rejects with what an event throws.
   */
  run(done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false;
      const step = (): void => {
        if (over) return;
        try {
          const event = done() ? undefined : this.#queue.take();
          if (event?.run) {
            this.#nowMs = event.atMs;
            this.#events += 1;
            this.#onEvent?.(event);
            const { run } = event;
            event.run = null;
            run();
            return;
          }
          over = true;
          resolve();
        } catch (error) {
          over = true;
          reject(error);
        }
      };
      const turn = (): void => {
        if (over) return;
        for (let event = 0; event < EVENTS_PER_TURN; event++) setImmediate(step);
        setImmediate(turn);
      };
      turn();
    });
  }
}
