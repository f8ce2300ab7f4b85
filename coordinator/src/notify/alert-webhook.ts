import type { Logger } from "pino";
import type { AlertRecord, AlertTransition } from "../domain/alert/alert.ts";
import type { Clock } from "../runtime/clock.ts";

/** A transition of an alert that the receiver has not confirmed. */
export type AlertDelivery = {
  readonly position: number;
  readonly id: string;
  readonly transition: AlertTransition;
  readonly alert: AlertRecord;
  readonly atMs: number;
  readonly attempts: number;
};

/** Where they wait; written with the decisions that make them. */
export interface AlertDeliveries {
  oldest(limit: number): Promise<AlertDelivery[]>;
  remove(position: number): Promise<void>;
  noteFailure(position: number, attempts: number, error: string): Promise<void>;
  /** Removes all but the newest `keep`; answers how many went. */
  trim(keep: number): Promise<number>;
}

/** Who is told of alerts. */
export interface AlertReceiver {
  /** Null when the receiver took it, else why it did not; comes within a bound, or once `signal` ends it. Never rejects. */
  post(delivery: AlertDelivery, signal: AbortSignal): Promise<string | null>;
}

/** Transitions that wait for a receiver; beyond, the oldest are dropped, which the log says. */
export const WAITING_MAX = 10_000;
/** Attempts after which one transition is given up, about an hour after the first, so that it does not hold up the rest. */
export const ATTEMPTS_MAX = 20;
const BATCH = 20;
const POLL_MS = 5_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;

/** Until the next attempt after so many failed ones: 1 s doubled each time, at most 5 min. */
export function webhookRetryMs(attempts: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempts - 1, 20));
}

export type AlertWebhookPorts = {
  readonly receiver: AlertReceiver;
  readonly deliveries: AlertDeliveries;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** The receiver is not the one that was told before: attempts that failed with that one do not count against it. */
  readonly countsAnew: boolean;
  /** Only the leader sends. */
  readonly leading: () => boolean;
  /** Calls back after commits that may have brought something; returns the way to stop that. */
  readonly onCommitted: (callback: () => void) => () => void;
};

/**
 * Posts every transition of an alert to one receiver, in order, one at a time, at least once: it leaves the queue only when
 * the receiver has answered 2xx. A change of leadership, or an answer that was lost, sends one again under the same id.
 */
export class AlertWebhook {
  readonly #ports: AlertWebhookPorts;
  readonly #stopping = new AbortController();
  #cancelTimer: () => void = () => {};
  #stopListening: () => void = () => {};
  #running: Promise<void> | null = null;
  #again = false;
  #retryAtMs = 0;
  /** The position of what this receiver has failed to take: its attempts are all of this receiver's. */
  #failedAt: number | null = null;

  constructor(ports: AlertWebhookPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#stopListening = this.#ports.onCommitted(() => this.#wake());
    this.#wake();
  }

  /** Ends a request under way; what it carried is sent again by whoever leads next. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#stopListening();
    this.#cancelTimer();
    await this.#running;
  }

  #wake(): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#cancelTimer();
    const earlyMs = this.#retryAtMs - this.#ports.clock.bootMs();
    if (earlyMs > 0) {
      // A commit, or the timer itself: clock and timers need not agree to the millisecond.
      this.#arm(earlyMs);
      return;
    }
    this.#running = this.#work().finally(() => {
      this.#running = null;
      const again = this.#again;
      this.#again = false;
      const waitMs = Math.max(0, this.#retryAtMs - this.#ports.clock.bootMs());
      if (this.#stopping.signal.aborted) return;
      if (again && waitMs === 0) this.#wake();
      else this.#arm(waitMs > 0 ? waitMs : POLL_MS);
    });
  }

  #arm(delayMs: number): void {
    this.#cancelTimer = this.#ports.clock.schedule(delayMs, () => this.#wake());
  }

  async #work(): Promise<void> {
    const { deliveries, leading, log } = this.#ports;
    try {
      const dropped = leading() ? await deliveries.trim(WAITING_MAX) : 0;
      if (dropped > 0)
        log.error({ dropped }, "the alert webhook's receiver is too far behind; its oldest alerts are dropped");
      for (;;) {
        const batch = leading() ? await deliveries.oldest(BATCH) : [];
        for (const delivery of batch) if (!(await this.#deliver(delivery))) return;
        if (batch.length < BATCH) return;
      }
    } catch (error) {
      log.warn({ err: error }, "alerts could not be read for the webhook; trying again");
    }
  }

  /** False when nothing more is to be sent now. */
  async #deliver(delivery: AlertDelivery): Promise<boolean> {
    const { deliveries, leading, log, clock, countsAnew } = this.#ports;
    if (!leading() || this.#stopping.signal.aborted) return false;
    const failure = await this.#ports.receiver.post(delivery, this.#stopping.signal);
    if (this.#stopping.signal.aborted) return false;
    if (failure === null) {
      this.#retryAtMs = 0;
      await deliveries.remove(delivery.position);
      return true;
    }
    const attempts = (countsAnew && delivery.position !== this.#failedAt ? 0 : delivery.attempts) + 1;
    this.#failedAt = delivery.position;
    if (attempts >= ATTEMPTS_MAX) {
      log.error(
        { delivery: delivery.id, alert: delivery.alert.id, failure },
        "the alert webhook's receiver never took it; given up",
      );
      await deliveries.remove(delivery.position);
      return true;
    }
    this.#retryAtMs = clock.bootMs() + webhookRetryMs(attempts);
    log.warn(
      { delivery: delivery.id, attempts, failure },
      "the alert webhook's receiver did not take an alert; trying again",
    );
    await deliveries.noteFailure(delivery.position, attempts, failure);
    return false;
  }
}
