import type { Fleet } from "./fleet.ts";
import { copiesOf } from "./fleet-processes.ts";

const POLL_MS = 25;

/** Counts the running copies of one container again and again, so that two at a time do not go unnoticed. */
export class CopyWatch {
  /** The most copies that were seen at one time. */
  most = 0;
  /** How often it was looked. */
  looks = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(fleet: Fleet, container: string) {
    const look = () => {
      this.looks += 1;
      this.most = Math.max(this.most, copiesOf(fleet.processes(), container).length);
    };
    look();
    this.#timer = setInterval(look, POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
