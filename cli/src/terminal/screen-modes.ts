/** Private modes (DEC) that are on in a terminal that nobody has touched. */
const ON_AT_FIRST: readonly number[] = [7, 25];
/** Others that a program may leave behind: keys, mouse, the other screen, pasting. */
const OFF_AT_FIRST: readonly number[] = [1, 9, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004];
/** Bytes of a sequence that is not over yet; a longer one sets no mode. */
const REST_MAX = 64;

/** Which modes a terminal was left in by what it was sent, so that they can be taken back when that ends in its midst. */
export class ScreenModes {
  readonly #changed = new Map<number, boolean>();
  #keypad = false;
  #rest = "";

  /** It was sent these bytes. */
  note(bytes: Uint8Array): void {
    const text = this.#rest + Buffer.from(bytes).toString("latin1");
    for (const [, list, on, keypad] of text.matchAll(/\u001b(?:\[\?([\d;]{1,48})([hl])|([=>]))/g)) {
      if (keypad !== undefined) this.#keypad = keypad === "=";
      for (const mode of list?.split(";").map(Number) ?? []) {
        const untouched = ON_AT_FIRST.includes(mode);
        if (!untouched && !OFF_AT_FIRST.includes(mode)) continue;
        if ((on === "h") === untouched) this.#changed.delete(mode);
        else this.#changed.set(mode, on === "h");
      }
    }
    const begun = text.lastIndexOf("\u001b");
    this.#rest = begun >= 0 && text.length - begun < REST_MAX ? text.slice(begun) : "";
    // What was looked at already must not count twice, which a whole sequence would.
    if (/^\u001b(?:\[\?[\d;]*[hl]|[=>])/.test(this.#rest)) this.#rest = "";
  }

  /** What gives it back as it was: colours too, but nothing of what it shows. */
  restoring(): string {
    const modes = [...this.#changed].map(([mode, on]) => `\u001b[?${mode}${on ? "l" : "h"}`);
    return `${modes.join("")}${this.#keypad ? "\u001b>" : ""}\u001b[0m`;
  }
}
