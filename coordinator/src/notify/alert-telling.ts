import { AlertWebhook, type AlertWebhookPorts } from "./alert-webhook.ts";

/** Who is told of alerts; null: nobody. */
export type AlertTarget = { readonly url: string; readonly secret: string | null } | null;

export type AlertTellingPorts = Omit<AlertWebhookPorts, "receiver" | "countsAnew"> & {
  readonly receiverAt: (target: NonNullable<AlertTarget>) => AlertWebhookPorts["receiver"];
};

/** Tells one receiver after another of alerts, as the configuration says by and by; never two at a time. */
export class AlertTelling {
  #target: AlertTarget;
  #ports: AlertTellingPorts | null = null;
  #webhook: AlertWebhook | null = null;

  constructor(target: AlertTarget) {
    this.#target = target;
  }

  /** True while somebody is told: transitions are kept for him. */
  get isOn(): boolean {
    return this.#target !== null;
  }

  start(ports: AlertTellingPorts): void {
    this.#ports = ports;
    this.#begin(false);
  }

  /**
   * Another receiver, or none. What the one before has not taken goes to this one, at once and with all attempts before it; without
   * any it waits.
   */
  async use(target: AlertTarget): Promise<void> {
    if (target?.url === this.#target?.url && target?.secret === this.#target?.secret) return;
    this.#target = target;
    await this.#end();
    this.#begin(true);
  }

  /** For good. Ends a request under way; what it carried is sent again by whoever leads next. */
  async stop(): Promise<void> {
    this.#ports = null;
    await this.#end();
  }

  async #end(): Promise<void> {
    const webhook = this.#webhook;
    this.#webhook = null;
    await webhook?.stop();
  }

  #begin(countsAnew: boolean): void {
    if (this.#target === null || this.#ports === null) return;
    const { receiverAt, ...ports } = this.#ports;
    this.#webhook = new AlertWebhook({ ...ports, receiver: receiverAt(this.#target), countsAnew });
    this.#webhook.start();
  }
}
