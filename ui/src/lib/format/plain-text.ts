/**
 * Control characters, and those that reorder or hide text (bidirectional marks, zero-width characters, line and
 * paragraph separators). Tab is left alone: it does no harm.
 */
const unsafe =
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** Text as it may be shown: what could disguise itself appears as an escape ("\x1b", "\u202e"). Lone surrogates too. */
export function plainText(text: string): string {
  return text
    .replace(unsafe, (character) => {
      const code = character.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
    })
    .toWellFormed();
}

/** The beginning of an id, enough to tell it from its neighbours. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}
