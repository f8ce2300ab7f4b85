import { get } from "node:http";
import type { Clock } from "../clock.ts";
import type { Sample } from "./downtime.ts";

const intervalMs = 50;
const timeoutMs = 1000;
/** In flight at most; a probe that would be one more is left out. With the time limit there are never more than 20. */
const inFlightMax = 20;
const bodyCharactersMax = 64 * 1024;

/** Where to ask. */
export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
  /** Stands in every answer of the container that is meant; another one at that address does not count. */
  readonly answerHolds: string;
}

/**
 * Asks a container's HTTP endpoint every 50 ms, on a new connection each time, and tells how each request ended. A
 * request is good when a whole answer of that container, status 200, is there within a second. Without a target it is bad at once.
 */
export class Prober {
  readonly #clock: Clock;
  readonly #onSample: (sample: Sample) => void;
  #target: ProbeTarget | undefined;
  #number = 0;
  #inFlight = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, target: ProbeTarget | undefined, onSample: (sample: Sample) => void) {
    this.#clock = clock;
    this.#target = target;
    this.#onSample = onSample;
  }

  start(): void {
    this.#cancel ??= this.#clock.every(intervalMs, () => this.#probe());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** From the next request on, ask there. */
  follow(target: ProbeTarget | undefined): void {
    this.#target = target;
  }

  #probe(): void {
    if (this.#inFlight >= inFlightMax) return;
    const number = this.#number;
    this.#number += 1;
    this.#inFlight += 1;
    const sentMs = this.#clock.nowMs();
    askOnce(this.#clock, this.#target, (good) => {
      this.#inFlight -= 1;
      this.#onSample({ number, sentMs, endedMs: this.#clock.nowMs(), good });
    });
  }
}

/** One GET /; calls `done` exactly once, within a second. */
export function askOnce(clock: Clock, target: ProbeTarget | undefined, done: (good: boolean) => void): void {
  if (target === undefined) {
    done(false);
    return;
  }
  let isDone = false;
  const finish = (good: boolean) => {
    if (isDone) return;
    isDone = true;
    cancel();
    request.destroy();
    done(good);
  };
  const request = get({ host: target.address, port: target.port, path: "/", agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      body += chunk;
      if (body.length > bodyCharactersMax) finish(false);
    });
    response.on("end", () => finish(response.statusCode === 200 && body.includes(target.answerHolds)));
    response.on("error", () => finish(false));
    response.on("close", () => finish(false));
  });
  const cancel = clock.after(timeoutMs, () => finish(false));
  request.on("error", () => finish(false));
}
