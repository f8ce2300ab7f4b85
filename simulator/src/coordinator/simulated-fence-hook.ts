import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { FenceCall, FenceHook, FenceOutcome, FenceRequest } from "@lormas/coordinator/runtime/fence-hook.ts";
import type { SimulatedClock } from "../clock/simulated-clock.ts";
import type { PowerBoard } from "../host/power-board.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";

/** What a fleet's fence hook reaches. */
export type Fencing = {
  /** The board of a node's host; undefined where it has none. */
  readonly boardOf: (nodeId: string) => PowerBoard | undefined;
  readonly onCall: (process: string, nodeName: string) => void;
};

export type FenceHookParts = Fencing & {
  readonly time: SimulatedClock;
  /** The coordinator that calls. */
  readonly process: SimulatedProcess;
  readonly random: SeededRandom;
};

/** After so long, on the coordinator's clock, a call is killed. */
const TIMEOUT_MS = 10_000;
/** Until the program has reached the board, and between two looks at whether the power is off. */
const REACH_MIN_MS = 20;
const REACH_MAX_MS = 12_000;
const LOOK_MIN_MS = 20;
const LOOK_MAX_MS = 5_000;
/** Of calls: the program decides against it, hangs, or says that it failed though the power is off. */
const REFUSES = 0.12;
const HANGS = 0.08;
const SAYS_FAILED = 0.1;

/**
 * The program that docs/fence-hook.md asks for, as far as a coordinator can tell: slow, failing, hanging, and true to the one
 * thing that counts, that it says "off" only of a host that was off at some moment since the call began. It is a process
 * of its own: a coordinator that is stopped does not stop it, and one that dies leaves it running.
 */
export class SimulatedFenceHook implements FenceHook {
  readonly name = "the simulated boards";
  readonly #parts: FenceHookParts;

  constructor(parts: FenceHookParts) {
    this.#parts = parts;
  }

  call({ nodeId, nodeName }: FenceRequest): FenceCall {
    const { process, boardOf, onCall } = this.#parts;
    const board = boardOf(nodeId);
    const offsBefore = board?.offs ?? 0;
    let killed = false;
    let over = false;
    const { promise, resolve } = Promise.withResolvers<FenceOutcome>();
    const settle = (outcome: FenceOutcome): void => {
      if (over) return;
      over = true;
      cancel();
      resolve(outcome);
    };
    const exit = (outcome: FenceOutcome): void => process.enter(() => settle(outcome));
    const end = (reason: string): void => {
      killed = true;
      settle({ off: false, reason });
    };
    const cancel = process.after(TIMEOUT_MS, () => end(`it did not end within ${TIMEOUT_MS} ms and was killed`));
    process.emit(() => {
      onCall(process.name, nodeName);
      if (!board) return void this.#later(() => exit({ off: false, reason: "its host has no board" }));
      this.#run(board, offsBefore, exit, () => killed);
    });
    return { outcome: promise, end: () => end("the call was ended") };
  }

  /** The program's life. What it has asked the board for is done, whatever becomes of the program. */
  #run(board: PowerBoard, offsBefore: number, exit: (outcome: FenceOutcome) => void, killed: () => boolean): void {
    const { random, time } = this.#parts;
    const fate = random.next();
    if (fate < HANGS) return;
    this.#later(() => {
      if (killed()) return;
      if (fate < HANGS + REFUSES) return exit({ off: false, reason: "it decided against it" });
      // By the time that it looks the host may have been started again: that it was off is enough.
      const look = (): void => {
        time.after(random.logBetween(LOOK_MIN_MS, LOOK_MAX_MS), "fence hook", "looks", say);
      };
      const wasOff = (): boolean => board.off || board.offs > offsBefore;
      const say = (): void => {
        if (killed()) return;
        if (fate < HANGS + REFUSES + SAYS_FAILED) return exit({ off: false, reason: "the board did not answer" });
        if (wasOff()) exit({ off: true });
        else look();
      };
      // A host without power is left as it is: it may be about to come back by itself, and that counts as well.
      if (wasOff()) return say();
      board.cut(look);
    });
  }

  #later(act: () => void): void {
    const { time, random } = this.#parts;
    time.after(random.logBetween(REACH_MIN_MS, REACH_MAX_MS), "fence hook", "reaches the board", act);
  }
}
