import type { BootClock, Timers } from "@lormas/agent/clock/clock.ts";
import { Guard, type GuardHands } from "@lormas/agent/guard/guard.ts";
import type { GuardAnswer, GuardRequest } from "@lormas/agent/guard/guard-message.ts";
import type { GuardFile } from "@lormas/agent/guard/guard-record.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";

/** One connection as the guard has it. */
export type GuardPeer = { readonly drop: () => void };

export type GuardProcessParts = {
  readonly process: SimulatedProcess;
  readonly record: GuardFile | null;
  readonly bootId: string;
  readonly clock: BootClock;
  readonly timers: Timers;
  readonly hands: GuardHands;
  /** The agent has dismissed the guard: everything of this node is killed and its record removed. */
  readonly onDismissed: () => void;
};

/** A guard as its main makes it: the newest connection is the agent, older ones are dropped. */
export class GuardProcess {
  readonly process: SimulatedProcess;
  readonly #parts: GuardProcessParts;
  readonly #guard: Guard;
  #present: GuardPeer | null = null;

  constructor(parts: GuardProcessParts) {
    this.#parts = parts;
    this.process = parts.process;
    const { record, bootId, clock, timers, hands } = parts;
    this.#guard = new Guard({ record, bootId, clock, timers, hands });
  }

  answer(peer: GuardPeer, request: GuardRequest): GuardAnswer {
    if (request.type === "hello") {
      this.#present?.drop();
      this.#present = peer;
    }
    if (peer !== this.#present) return { type: "refused", id: request.id, reason: "another agent serves this node" };
    if (request.type === "dismiss") {
      // The answer leaves first.
      this.process.after(0, () => {
        this.#guard.close();
        this.#parts.onDismissed();
      });
      return { type: "ok", id: request.id, deadlineMs: null, softEndMs: null };
    }
    return this.#guard.handle(request);
  }
}
