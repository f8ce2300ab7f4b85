import type { WatchResponse } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { type ApiError, isSignedOut, mustChangePassword, mustSetUpSecondFactor, toApiError } from "../api/api-error.ts";
import { backoffMs, watchBackoff } from "./backoff.ts";
import { type Connection, noConnection, silenceMs } from "./connection.ts";
import {
  emptyFleet,
  type FleetInput,
  type FleetSnapshot,
  type FleetState,
  fleetFromSnapshot,
  reduceFleet,
} from "./fleet-state.ts";

/** Inputs are taken in together, at most this long after the first of them. */
const batchMs = 50;
/** A batch that is full is taken in at once. */
const batchInputsMax = 1_000;
/** A stream that stood this long was a success: the next reconnect starts with the shortest wait. */
const provenAfterMs = 5_000;

/** Where the fleet is read from; both fail with whatever the transport throws. */
export type FleetSource = {
  readonly list: (signal: AbortSignal) => Promise<FleetSnapshot>;
  readonly watch: (after: bigint, signal: AbortSignal) => AsyncIterable<WatchResponse>;
};

/** Time and chance. */
export type FleetWatchClock = {
  readonly read: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly random: () => number;
};

/** Who is told. */
export type FleetWatchListener = {
  readonly onState: (state: FleetState, listed: boolean) => void;
  readonly onConnection: (connection: Connection) => void;
  /** The session is over or must be renewed; the watch has ended. */
  readonly onRefused: (error: ApiError) => void;
};

/** What was watched does not join what is known: only listing again helps. */
class MustListAgain extends Error {}

/**
 * Keeps a fleet state current: lists, watches from there, resumes from the last sequence seen after a break, lists
 * again when the coordinator says that it is too far behind or when a number is missing. Holds at most one stream and
 * one batch of inputs.
 */
export class FleetWatch {
  readonly #source: FleetSource;
  readonly #clock: FleetWatchClock;
  readonly #listener: FleetWatchListener;
  #state = emptyFleet;
  #connection = noConnection;
  #listed = false;
  #batch: FleetInput[] = [];
  #cancelFlush: (() => void) | undefined;

  constructor(source: FleetSource, clock: FleetWatchClock, listener: FleetWatchListener) {
    this.#source = source;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Runs until the signal is aborted or the session is refused; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let attempt = 0;
    while (!signal.aborted) {
      const startedMs = this.#clock.read();
      let error: ApiError | null = null;
      try {
        await this.#attempt(signal);
      } catch (cause) {
        error = this.#explain(cause);
      }
      this.#flush();
      if (signal.aborted) break;
      if (error !== null && (isSignedOut(error) || mustChangePassword(error) || mustSetUpSecondFactor(error))) {
        this.#connect({ phase: "waiting", retryAtMs: null, error });
        this.#listener.onRefused(error);
        return;
      }
      attempt = this.#clock.read() - startedMs >= provenAfterMs ? 0 : attempt;
      const waitMs = backoffMs(attempt, this.#clock.random(), watchBackoff);
      attempt += 1;
      this.#connect({ phase: "waiting", retryAtMs: this.#clock.read() + waitMs, error });
      await this.#clock.sleep(waitMs, signal);
    }
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
  }

  /** Takes in an answer to a call, so that the page shows it before the stream brings it. */
  take(input: FleetInput): void {
    this.#push(input);
    this.#flush();
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    this.#connect({ phase: "connecting", retryAtMs: null, error: this.#connection.error });
    if (!this.#listed) {
      const snapshot = await this.#source.list(signal);
      this.#state = fleetFromSnapshot(snapshot);
      this.#listed = true;
      this.#connection = { ...this.#connection, freshAtMs: this.#clock.read() };
      this.#listener.onState(this.#state, true);
    }
    const stream = new AbortController();
    const messages = this.#source
      .watch(this.#state.asOf, AbortSignal.any([signal, stream.signal]))
      [Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#orSilence(messages.next(), signal);
        if (next.done === true || signal.aborted) return;
        this.#message(next.value);
      }
    } finally {
      stream.abort();
    }
  }

  /** The next message, or an error when none comes for `silenceMs`: a half-open connection never ends by itself. */
  async #orSilence<T>(next: Promise<T>, signal: AbortSignal): Promise<T> {
    const timer = new AbortController();
    const silence = this.#clock.sleep(silenceMs, AbortSignal.any([signal, timer.signal])).then((): never => {
      throw new Error("silence");
    });
    // Whichever loses the race settles later, unheard.
    silence.catch(() => undefined);
    next.catch(() => undefined);
    try {
      return await Promise.race([next, silence]);
    } finally {
      timer.abort();
    }
  }

  #message({ message }: WatchResponse): void {
    this.#connect({ phase: "open", freshAtMs: this.#clock.read(), retryAtMs: null, error: null });
    switch (message.case) {
      case "opened":
        // A numbering that went back (a restored database) cannot be joined to what is known.
        if (message.value.asOf < this.#state.asOf) throw new MustListAgain();
        break;
      case "change":
        this.#push({ kind: "change", change: message.value });
        break;
      case "progress":
        this.#push({ kind: "progress", asOf: message.value.asOf });
        break;
      case "health":
        this.#push({ kind: "health", sample: message.value });
        break;
      case undefined:
        break;
      default:
        message satisfies never;
    }
    if (!this.#listed) throw new MustListAgain();
  }

  #push(input: FleetInput): void {
    this.#batch.push(input);
    if (this.#batch.length >= batchInputsMax) this.#flush();
    else this.#cancelFlush ??= this.#clock.after(batchMs, () => this.#flush());
  }

  /** Takes the batch in. When a number is missing, the next message ends the stream and the next attempt lists again. */
  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (this.#batch.length === 0) return;
    const { state, gap } = reduceFleet(this.#state, this.#batch);
    this.#batch = [];
    this.#state = state;
    if (gap !== null) this.#listed = false;
    this.#listener.onState(state, false);
  }

  #explain(cause: unknown): ApiError {
    if (cause instanceof MustListAgain) {
      this.#listed = false;
      return note("must_list_again", "Events were missed; everything is being listed again.");
    }
    if (cause instanceof Error && cause.message === "silence") {
      return note("silence", `Nothing came from the coordinator for ${silenceMs / 1000} s.`);
    }
    const error = toApiError(cause);
    if (error.code === "too_far_behind" || error.code === "out_of_range") this.#listed = false;
    return error;
  }

  #connect(change: Partial<Connection>): void {
    this.#connection = { ...this.#connection, ...change };
    this.#listener.onConnection(this.#connection);
  }
}

function note(code: string, message: string): ApiError {
  return { code, message, field: "", nextStep: "Nothing to do: the dashboard reconnects by itself.", retryable: true };
}
