import { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { type ProcessMark, stillRuns } from "./npm-ancestors.mjs";

const pollMs = 400;

/**
 * Calls back once when whoever started us is gone: the other end of the lifeline is closed, or one of the watched
 * ancestors (up to npm) has ended. Noticed within half a second. Returns a function that ends the watch.
 */
export function watchOwner(
  clock: Clock,
  lifelineFd: number | undefined,
  ancestors: readonly ProcessMark[],
  gone: (what: string) => void,
): () => void {
  let told = false;
  const tell = (what: string) => {
    if (told) return;
    told = true;
    stop();
    gone(what);
  };
  const lifeline =
    lifelineFd === undefined ? undefined : new Socket({ fd: lifelineFd, readable: true, writable: false });
  lifeline?.on("error", () => tell("the process that started this one"));
  lifeline?.on("close", () => tell("the process that started this one"));
  lifeline?.resume();
  const cancel =
    ancestors.length === 0
      ? () => undefined
      : clock.every(pollMs, () => {
          const lost = ancestors.find((ancestor) => !stillRuns(ancestor));
          if (lost !== undefined) tell(`process ${lost.pid}, which started this one,`);
        });
  const stop = () => {
    cancel();
    told = true;
    lifeline?.destroy();
  };
  return stop;
}
