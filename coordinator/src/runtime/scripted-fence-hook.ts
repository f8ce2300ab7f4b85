import type { FenceCall, FenceHook, FenceOutcome, FenceRequest } from "./fence-hook.ts";

/** One call that waits for its script. */
export type ScriptedCall = {
  readonly request: FenceRequest;
  answer(outcome: FenceOutcome): void;
  /** Set once the caller has ended it. */
  ended: boolean;
};

/** A fence hook that answers when a test says so. */
export class ScriptedFenceHook implements FenceHook {
  readonly name = "/opt/fence";
  readonly calls: ScriptedCall[] = [];

  call(request: FenceRequest): FenceCall {
    const { promise, resolve } = Promise.withResolvers<FenceOutcome>();
    const call: ScriptedCall = { request, answer: resolve, ended: false };
    this.calls.push(call);
    return {
      outcome: promise,
      end: () => {
        call.ended = true;
      },
    };
  }
}
