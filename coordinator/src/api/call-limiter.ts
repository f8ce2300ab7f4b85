import { AttemptLimiter, type AttemptLimits } from "../agents/attempt-limiter.ts";
import { networkOf } from "../identity/sign-in-limits.ts";
import type { Clock } from "../runtime/clock.ts";
import { apiError } from "./api-error.ts";
import type { Caller, Peer } from "./call-context.ts";

/** How many seconds' worth of calls may come at once. */
export const BURST_SECONDS = 5;

/**
 * How often somebody may call: every token and every user has an allowance, and every address (the /64 of an IPv6 one) for
 * calls that nobody valid makes. Opening a stream is a call. The 10,000 callers that were heard last are remembered.
 */
export class CallLimiter {
  readonly #clock: Clock;
  #limiter: AttemptLimiter | null = null;
  #perSecond = 0;

  /** @param perSecond calls a second and caller in the long run; 0: no limit */
  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.allow(perSecond);
  }

  /** Another limit from now on, with whole allowances; the same one leaves them as they are. */
  allow(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#perSecond = perSecond;
    const limits: AttemptLimits = { burst: perSecond * BURST_SECONDS, refillMs: 1_000 / perSecond };
    this.#limiter = perSecond === 0 ? null : new AttemptLimiter(limits, this.#clock);
  }

  /** Counts a call of somebody known; throws `rate_limited` with the wait when it is one too many. */
  countCaller({ kind, name }: Pick<Caller, "kind" | "name">): void {
    this.#count(`${kind} ${name}`, `The ${kind} ${name}`);
  }

  /** Counts a call of nobody known, by where it comes from. */
  countAddress({ remoteAddress }: Peer): void {
    this.#count(`address ${networkOf(remoteAddress)}`, `The address ${remoteAddress}`);
  }

  /** Callers remembered now. */
  get callers(): number {
    return this.#limiter?.addresses ?? 0;
  }

  #count(key: string, who: string): void {
    const waitMs = this.#limiter?.take(key) ?? 0;
    if (waitMs === 0) return;
    throw apiError(
      "rate_limited",
      `${who} calls more often than ${this.#perSecond} times a second, with ${BURST_SECONDS} seconds' worth at once.`,
      {
        retryAfterMs: waitMs,
        nextStep: "Wait as long as retry-after says; watch the stream of events instead of asking again and again.",
      },
    );
  }
}
