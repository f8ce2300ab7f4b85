/**
 * What one node has sent and the intake has not taken yet: handed on in the order of arrival, one at a time, across the
 * node's streams. Bounded by its users: who finds it full does not read on before onRoom.
 */
export class NodeInbox {
  readonly #max: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #roomWanted: (() => void)[] = [];
  readonly #idleWanted: (() => void)[] = [];
  #busy = false;

  constructor(max: number) {
    this.#max = max;
  }

  /** Those that wait and the one that is being taken. */
  get size(): number {
    return this.#waiting.length + (this.#busy ? 1 : 0);
  }

  get full(): boolean {
    return this.size >= this.#max;
  }

  get idle(): boolean {
    return !this.#busy;
  }

  /** Adds work, which must not reject: it answers for its own errors. */
  add(work: () => Promise<void>): void {
    this.#waiting.push(work);
    if (!this.#busy) void this.#run();
  }

  /** Calls back once half of the inbox is free. */
  onRoom(callback: () => void): void {
    this.#roomWanted.push(callback);
  }

  /** Calls back once nothing is left. */
  onIdle(callback: () => void): void {
    this.#idleWanted.push(callback);
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) {
        await work();
        if (this.#waiting.length <= this.#max / 2) for (const callback of this.#roomWanted.splice(0)) callback();
      }
    } finally {
      this.#busy = false;
      for (const callback of this.#idleWanted.splice(0)) callback();
    }
  }
}
