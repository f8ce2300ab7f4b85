import type { Link, Network } from "./network.ts";

type Segment = { readonly what: string; readonly deliver: () => void; readonly workMs: number };

/**
 * One direction of a connection, as TCP makes it: nothing is lost, doubled or overtaken while the connection lives. A cut
 * holds everything back until some time after it is healed.
 */
export class Pipe {
  readonly #network: Network;
  readonly #link: Link;
  readonly #to: string;
  readonly #onClose: () => void;
  #held: Segment[] = [];
  #lastArrivalMs = 0;
  #closed = false;

  constructor(network: Network, link: Link, to: string, onClose: () => void) {
    this.#network = network;
    this.#link = link;
    this.#to = to;
    this.#onClose = onClose;
  }

  /** `workMs` is what whoever receives it does with it before it is delivered: an event less than a wait of its own. */
  send(what: string, deliver: () => void, workMs = 0): void {
    if (this.#closed) return;
    const segment = { what, deliver, workMs };
    if (this.#held.length > 0 || this.#link.cuts > 0) this.#held.push(segment);
    else this.#depart(segment);
  }

  /** After a cut was healed: what was held leaves with the next retransmission, unless it is cut again by then. */
  resendAfter(delayMs: number): void {
    if (this.#held.length === 0) return;
    this.#network.time.after(delayMs, "network", "sends again", () => {
      if (this.#closed || this.#link.cuts > 0) return;
      for (const segment of this.#held.splice(0)) this.#depart(segment);
    });
  }

  /** What has not arrived yet never will. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    this.#onClose();
  }

  #depart({ what, deliver, workMs }: Segment): void {
    const { time } = this.#network;
    const nowMs = time.nowMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + this.#network.travelMs(this.#link) + workMs);
    time.after(this.#lastArrivalMs - nowMs, this.#to, what, () => {
      if (!this.#closed) deliver();
    });
  }
}
