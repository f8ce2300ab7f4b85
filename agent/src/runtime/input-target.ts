import { InputFault, type ObservedContainer } from "./container-runtime.ts";

/** Refuses with InputFault unless this is the running copy of that epoch: what was typed for one copy must not reach another. */
export function requireInputTarget(observed: ObservedContainer | null, epoch: bigint): void {
  if (observed?.state !== "running") {
    throw new InputFault("not_running", "the container does not run on this node");
  }
  if (observed.epoch === epoch) return;
  throw new InputFault("stale_epoch", `it was written for copy ${epoch}, and copy ${observed.epoch} runs`);
}

/** What a runtime without terminals says to whoever wants one. */
export function noTerminal(): never {
  throw new InputFault(
    "no_terminal",
    "its node runs plain processes, which have no terminal: only a container on a docker node can have one, if it is created so (tty)",
  );
}
