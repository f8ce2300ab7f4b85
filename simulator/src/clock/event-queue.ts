/** Something that will happen at a moment of true time. */
export type ScheduledEvent = {
  readonly atMs: number;
  readonly order: number;
  /** Whose event it is, for the log of a run. */
  readonly who: string;
  readonly what: string;
  run: (() => void) | null;
};

/** Events in the order of their moments, and of their making within one: a binary heap. Cancelled ones are skipped. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, who: string, what: string, run: () => void): ScheduledEvent {
    const event: ScheduledEvent = { atMs, order: this.#order++, who, what, run };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above] as ScheduledEvent;
      if (!before(event, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
    return event;
  }

  /** Takes out the next event that was not cancelled; undefined when nothing is left. */
  take(): ScheduledEvent | undefined {
    for (;;) {
      const first = this.#takeFirst();
      if (first === undefined || first.run !== null) return first;
    }
  }

  #takeFirst(): ScheduledEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    const { length } = heap;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= length) break;
      const right = below + 1;
      // Within the bounds, as the loop's condition says.
      if (right < length && before(heap[right] as ScheduledEvent, heap[below] as ScheduledEvent)) below = right;
      const child = heap[below] as ScheduledEvent;
      if (!before(child, last)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
    return first;
  }
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
