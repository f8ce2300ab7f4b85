import { createHmac } from "node:crypto";
import type { Clock } from "../runtime/clock.ts";
import type { AlertDelivery, AlertReceiver } from "./alert-webhook.ts";

/** What one request may take, milliseconds, the answer's headers included. */
export const REQUEST_TIMEOUT_MS = 10_000;

export type HttpTarget = {
  readonly url: string;
  /** Signs each body when there is one. */
  readonly secret: string | null;
  readonly clock: Clock;
};

/** A receiver that takes each transition as one POST, and has taken it when it answers 2xx; docs/alerts.md describes it. */
export class HttpAlertReceiver implements AlertReceiver {
  readonly #target: HttpTarget;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  async post(delivery: AlertDelivery, signal: AbortSignal): Promise<string | null> {
    const { url, secret, clock } = this.#target;
    const body = webhookBody(delivery);
    const timeout = new AbortController();
    const cancel = clock.schedule(REQUEST_TIMEOUT_MS, () => timeout.abort());
    try {
      const answer = await fetch(url, {
        method: "POST",
        redirect: "manual", // A receiver that sends us elsewhere is not the one that was configured.
        signal: AbortSignal.any([timeout.signal, signal]),
        headers: {
          "content-type": "application/json",
          "user-agent": "lormas",
          "x-lormas-event": `alert.${delivery.transition}`,
          "x-lormas-delivery": delivery.id,
          ...(secret === null ? {} : { "x-lormas-signature": webhookSignature(secret, body) }),
        },
        body,
      });
      await answer.body?.cancel();
      return answer.ok ? null : `it answered HTTP ${answer.status}`;
    } catch (error) {
      if (timeout.signal.aborted) return `it did not answer within ${REQUEST_TIMEOUT_MS / 1_000} s`;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return cause instanceof Error ? cause.message : String(cause);
    } finally {
      cancel();
    }
  }
}

/** The value of x-lormas-signature: HMAC-SHA256 of the body's bytes under the shared secret. */
export function webhookSignature(secret: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

/** What is posted; docs/alerts.md describes it. */
export function webhookBody({ id, transition, alert, atMs }: AlertDelivery): string {
  const moment = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const { openedAt, raisedAt, acknowledgedAt, resolvedAt, endsWhenAcknowledged: _, ...plain } = alert;
  return JSON.stringify({
    version: 1,
    delivery: id,
    event: `alert.${transition}`,
    at: moment(atMs),
    alert: {
      ...plain,
      openedAt: moment(openedAt),
      raisedAt: moment(raisedAt),
      acknowledgedAt: moment(acknowledgedAt),
      resolvedAt: moment(resolvedAt),
    },
  });
}
