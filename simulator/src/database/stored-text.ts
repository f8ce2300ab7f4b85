/**
 * A value as the text of a column. It is put into words when it is first read: most rows are written anew before anybody
 * reads them, and a snapshot of a statechart never changes.
 */
export class StoredText {
  #value: (() => unknown) | null;
  #text = "";

  constructor(value: () => unknown) {
    this.#value = value;
  }

  get text(): string {
    if (this.#value) {
      this.#text = JSON.stringify(this.#value());
      this.#value = null;
    }
    return this.#text;
  }
}
