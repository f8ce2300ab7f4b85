/**
 * Numbers from a seed, one stream a concern: what one part draws changes nothing of what another draws, so that leaving
 * out a fault disturbs the rest of a run as little as possible.
 */
export class SeededRandom {
  #state: number;

  constructor(seed: number, concern: string) {
    let hash = Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b;
    for (let index = 0; index < concern.length; index++) {
      hash = Math.imul(hash ^ concern.charCodeAt(index), 0x01000193);
      hash ^= hash >>> 15;
    }
    this.#state = hash >>> 0;
    for (let warm = 0; warm < 4; warm++) this.next();
  }

  /** From [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** Between the two, with short values as likely as long ones of the same order of magnitude. */
  logBetween(min: number, max: number): number {
    return min * (max / min) ** this.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Undefined of nothing. */
  oneOf<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }

  /** A UUID (version 4) of this stream. */
  uuid(): string {
    const hex = Array.from({ length: 8 }, () => this.below(0x10000).toString(16).padStart(4, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }
}
