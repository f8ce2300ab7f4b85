import type { Stage } from "./stage.ts";

/** The texts that the protocol consists of. */
export type PromiseSource =
  | "proto/lormas/agent/v1/agent.proto"
  | "proto/lormas/agent/v1/workload.proto"
  | "proto/lormas/agent/v1/peer.proto"
  | "docs/fencing.md"
  | "docs/agent-protocol.md"
  | "docs/join-a-host.md";

/** One promise of the protocol, and how it is seen from outside whether an agent keeps it. */
export type Check = {
  readonly name: string;
  /** Where the promise is written. */
  readonly source: PromiseSource;
  /** Its words there, letter by letter; white space and comment signs apart. */
  readonly promise: string;
  /** What the check needs: an agent that was never started, or one that serves. */
  readonly begins: "unenrolled" | "serving";
  /** Rejects with what was seen instead of the promise. */
  readonly run: (stage: Stage) => Promise<void>;
};

/** The agent does not do what the protocol says; the message is what was seen. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
}

/** Holds what was seen against a promise. */
export function expectThat(holds: boolean, seen: () => string): asserts holds {
  if (!holds) throw new BrokenPromise(seen());
}
