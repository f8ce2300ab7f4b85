import { InvalidArgumentError } from "commander";

/** Keys that one sequence may have. */
const KEYS_MAX = 8;
const CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** Keys upon which an attachment to a terminal ends, as they come from it and as people write them: "ctrl-p,ctrl-q". */
export type DetachKeys = { readonly typed: string; readonly words: string };

/** What `--detach-keys` says: keys with commas between them, each a letter or digit, or "ctrl-" with a letter or one of @[\]^_ behind. */
export function parseDetachKeys(text: string): DetachKeys {
  const keys = text.split(",");
  const typed = keys.map((key) => {
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    const code = control === undefined ? -1 : CONTROL.indexOf(control);
    if (code >= 0) return String.fromCharCode(code);
    if (/^[a-z0-9]$/i.test(key)) return key;
    throw new InvalidArgumentError(
      `${JSON.stringify(key)} is no key: give letters, digits or ctrl-a … ctrl-z with commas between them, such as "ctrl-p,ctrl-q"`,
    );
  });
  if (typed.length > KEYS_MAX) throw new InvalidArgumentError(`${typed.length} keys: at most ${KEYS_MAX}`);
  const words = keys.map((key) => key.replace(/^ctrl-(.)$/i, (_, letter: string) => `Ctrl-${letter.toUpperCase()}`));
  return { typed: typed.join(""), words: words.join(" ") };
}

/** Finds the keys in what is typed. The beginning of them is held back until it is known whether the rest follows. */
export class DetachWatch {
  readonly #keys: string;
  #held = "";

  constructor({ typed }: DetachKeys) {
    this.#keys = typed;
  }

  /** What of it is for the other end, and whether the keys were typed: then nothing that follows them is. */
  take(text: string): { readonly text: string; readonly detached: boolean } {
    const all = this.#held + text;
    const at = all.indexOf(this.#keys);
    if (at >= 0) return { text: all.slice(0, at), detached: true };
    let held = Math.min(this.#keys.length - 1, all.length);
    while (!this.#keys.startsWith(all.slice(all.length - held))) held -= 1;
    this.#held = all.slice(all.length - held);
    return { text: all.slice(0, all.length - held), detached: false };
  }
}
