import { inspect } from "node:util";
import { plain, type Row } from "../frame/section.ts";

/** What is done several times, and what it takes when a run fails: a lab is made of many programs, and one may stumble. */
export class Repeated {
  readonly #say: (line: string) => void;
  #again = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Does it so many times. A run that fails is done once more and counted; when that fails as well, so does the whole. */
  async times<T>(count: number, what: string, work: (number: number) => Promise<T>): Promise<T[]> {
    const done: T[] = [];
    for (let number = 1; number <= count; number += 1) {
      done.push(await this.#once(() => work(number)));
      this.#say(`${what} ${number} of ${count}: ${JSON.stringify(done.at(-1))}`);
    }
    return done;
  }

  /** How many runs were done once more: nobody shall have to ask what was left out. */
  get row(): Row {
    return plain("runs that failed and were done again", this.#again, "runs");
  }

  async #once<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#again += 1;
      this.#say(`a run failed and is done again: ${inspect(error)}`);
      return await work();
    }
  }
}
