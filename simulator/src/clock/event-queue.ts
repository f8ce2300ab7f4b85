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
  /** The moments of the events in the heap, place by place: nearly every comparison is made here. */
  readonly #atMs: number[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(atMs: number, who: string, what: string, run: () => void): ScheduledEvent {
    const event: ScheduledEvent = { atMs, order: this.#order++, who, what, run };
    const heap = this.#heap;
    const times = this.#atMs;
    let index = heap.length;
    heap.push(event);
    times.push(atMs);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const aboveMs = times[above] as number;
      // The newest of one moment comes last.
      if (atMs >= aboveMs) break;
      heap[index] = heap[above] as ScheduledEvent;
      times[index] = aboveMs;
      index = above;
    }
    heap[index] = event;
    times[index] = atMs;
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
    const times = this.#atMs;
    const first = heap[0];
    const last = heap.pop();
    const lastMs = times.pop();
    if (first === undefined || last === undefined || lastMs === undefined || first === last) return first;
    const { length } = heap;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= length) break;
      const right = below + 1;
      if (right < length && this.#before(right, below)) below = right;
      // Within the bounds, as the loop's condition says.
      const child = heap[below] as ScheduledEvent;
      const childMs = times[below] as number;
      if (childMs > lastMs || (childMs === lastMs && child.order > last.order)) break;
      heap[index] = child;
      times[index] = childMs;
      index = below;
    }
    heap[index] = last;
    times[index] = lastMs;
    return first;
  }

  #before(a: number, b: number): boolean {
    const aMs = this.#atMs[a] as number;
    const bMs = this.#atMs[b] as number;
    return aMs < bMs || (aMs === bMs && (this.#heap[a]?.order ?? 0) < (this.#heap[b]?.order ?? 0));
  }
}
