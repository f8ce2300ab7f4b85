import type { ConsoleResult } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { FairShare, type FairShareBounds } from "@lormas/wire/fair-share.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import { text } from "./wire-mapping.ts";

const MESSAGE_CHARS_MAX = 2_048;

export type InputBounds = {
  /** Inputs of one node that wait for their answers, counted by container. */
  readonly inputs: FairShareBounds;
  /** From an input to its answer. */
  readonly inputAnswerMs: number;
};

/** What was asked of the consoles of one node, inputs and resizes, whose answers have not come yet. */
export class ConsoleInputs {
  readonly #bounds: InputBounds;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, (outcome: Refusal | null) => void>();
  readonly #shares: FairShare;

  constructor(bounds: InputBounds, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
    this.#shares = new FairShare(bounds.inputs);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Sends one input of a container and waits for its answer. `send` is false when it could not be sent, and nothing has happened
   * then. However many inputs of other containers wait, some of each one's are sent.
   */
  ask(containerId: string, inputId: string, send: () => boolean): Promise<void> {
    const { inputAnswerMs } = this.#bounds;
    const full = this.#shares.take(containerId);
    if (full !== null) {
      const whose = full.full === "holder" ? "this container" : "the containers of its node";
      return Promise.reject(busy(`${full.taken} inputs of ${whose} wait for answers`, "wait, then send it again"));
    }
    return new Promise((resolve, reject) => {
      const settle = (outcome: Refusal | null): void => {
        cancel();
        this.#waiting.delete(inputId);
        this.#shares.giveBack(containerId);
        if (outcome === null) resolve();
        else reject(outcome);
      };
      const cancel = this.#clock.schedule(inputAnswerMs, () =>
        settle(
          busy(
            `the agent has not answered within ${inputAnswerMs} ms: it may have been written`,
            "look at its output first",
          ),
        ),
      );
      this.#waiting.set(inputId, settle);
      if (!send()) settle(busy("the node has no open command stream", "try again once it is connected"));
    });
  }

  /** The agent has answered; an answer that nobody waits for any more is dropped. */
  answered({ inputId, errorCode, errorMessage }: ConsoleResult): void {
    this.#waiting.get(inputId)?.(errorCode === "" ? null : refusalOf(errorCode, text(errorMessage, MESSAGE_CHARS_MAX)));
  }

  /** No answer comes any more. */
  drop(reason: string): void {
    for (const settle of [...this.#waiting.values()]) {
      settle(busy(`${reason}: it is not known whether the input was written`, "look at its output first"));
    }
  }
}

/** What an agent that says no to an input, a resize or the reading of a terminal means. */
export function refusalOf(code: string, message: string): Refusal {
  const said = message === "" ? `its agent answers "${code}"` : message;
  switch (code) {
    case "not_running":
      return new Refusal("not_running", said, "start it, or look where it runs now");
    case "no_input":
      return new Refusal("no_input", said, "restart the container");
    case "no_terminal":
      return new Refusal("no_terminal", said, "create it anew with a terminal, or restart it if it has one");
    case "stale_epoch":
      return busy(said, "look at its output, then send it again");
    case "input_full":
      return busy(said, "wait, then send it again; restart it if it never reads");
    default:
      return busy(`${said} (${code})`, "try again");
  }
}

function busy(message: string, nextStep: string): Refusal {
  return new Refusal("busy", message, nextStep, { retryAfterMs: 1_000 });
}
