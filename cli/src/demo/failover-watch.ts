import type { Container } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { followChanges } from "../client/change-feed.ts";
import { type Clock, waitFor } from "../clock.ts";
import { exitCode } from "../exit-code.ts";
import { DowntimeMeter } from "./downtime.ts";
import { httpTarget } from "./http-target.ts";
import { Prober, type ProbeTarget } from "./prober.ts";
import { timelineText } from "./timeline.ts";

const settleMs = 10_000;
const goodBeforeKill = 5;

/**
 * Watches one container through a failover: asks its endpoint all the time, follows it when the Watch stream says that
 * it has moved, and hands on the steps as they are seen.
 */
export class FailoverWatch {
  readonly meter = new DowntimeMeter();
  /** Called with each step of the timeline. */
  onStep: (text: string) => void = () => undefined;
  readonly #clock: Clock;
  readonly #api: ApiClient;
  readonly #prober: Prober;
  readonly #nodeId: string;
  readonly #over = new AbortController();
  #container: Container;
  #good = 0;
  #isOpen = false;
  #failure: unknown;

  constructor(clock: Clock, api: ApiClient, container: Container, target: ProbeTarget | undefined) {
    this.#clock = clock;
    this.#api = api;
    this.#container = container;
    this.#nodeId = container.nodeId;
    this.#prober = new Prober(clock, target, (sample) => {
      if (sample.good) this.#good += 1;
      this.meter.add(sample);
    });
  }

  /** The container as last seen. */
  get container(): Container {
    return this.#container;
  }

  /** True once the container is on another node than at the beginning. */
  get hasMoved(): boolean {
    return this.#container.nodeId !== this.#nodeId;
  }

  /** Resolves once the stream stands and the container has answered a few times. */
  async start(): Promise<void> {
    this.#follow().catch((error: unknown) => {
      this.#failure = error;
    });
    this.#prober.start();
    const ready = await waitFor(this.#clock, settleMs, 10, () => {
      this.check();
      return this.#isOpen && this.#good >= goodBeforeKill ? true : undefined;
    });
    if (ready === undefined) {
      throw new CliFailure(
        exitCode.timedOut,
        `${this.#container.name} did not answer steadily, or no events came, within ${settleMs / 1000} s`,
        `npx lormas container show ${this.#container.name}`,
      );
    }
  }

  async #follow(): Promise<void> {
    const subject = { containerId: this.#container.id, nodeId: this.#nodeId };
    const after = this.#container.asOf === 0n ? undefined : this.#container.asOf;
    const opened = () => {
      this.#isOpen = true;
    };
    for await (const change of followChanges(this.#api, this.#clock, after, this.#over.signal, opened)) {
      if (change.container?.id === subject.containerId) {
        this.#container = change.container;
        const target = httpTarget(change.container);
        if (target !== undefined) this.#prober.follow(target);
      }
      const text = timelineText(change, subject);
      if (text !== undefined) this.onStep(text);
    }
  }

  /** Throws when the stream of events has failed for good. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  stop(): void {
    this.#prober.stop();
    this.#over.abort();
  }
}
