import type { Timers } from "../clock/clock.ts";
import type { CommandStream } from "./command-session.ts";

type Waiting = (stream: CommandStream | null) => void;

/** The command stream that is attached at present, and the wait for the next one. */
export class AttachedStream {
  readonly #timers: Timers;
  #present: CommandStream | null = null;
  #waiting: Waiting | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get present(): CommandStream | null {
    return this.#present;
  }

  /** True when somebody had waited for it, who has it now. */
  attach(stream: CommandStream): boolean {
    this.#present = stream;
    const waiting = this.#waiting;
    waiting?.(stream);
    return waiting !== null;
  }

  detach(): void {
    this.#present = null;
  }

  /** Ends a wait: none will come. */
  giveUp(): void {
    this.#waiting?.(null);
  }

  /** The next one that is attached; null when none is within `waitMs`, or none will be. One may wait at a time. */
  next(waitMs: number): Promise<CommandStream | null> {
    return new Promise((resolve) => {
      const done: Waiting = (stream) => {
        cancel();
        this.#waiting = null;
        resolve(stream);
      };
      const cancel = this.#timers.after(Math.max(0, waitMs), () => done(null));
      this.#waiting = done;
    });
  }
}
