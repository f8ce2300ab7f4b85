/** Control characters (C0, DEL, C1) and those that change the direction of text: they could rewrite a terminal. */
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const escapeSequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/gu;
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

/** Text from elsewhere made safe for a terminal: escape sequences and control characters are gone, a tab is a space. */
export function plainText(text: string): string {
  return text.replaceAll(escapeSequence, "").replaceAll("\t", " ").replaceAll(unsafe, "");
}

/** How many columns a terminal gives to a plain text. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += charWidth(character);
  return width;
}

/** The text, cut to so many columns, with … where it was cut. */
export function cutText(text: string, columnsMax: number): string {
  if (textWidth(text) <= columnsMax) return text;
  let width = 1;
  let cut = "";
  for (const character of text) {
    width += charWidth(character);
    if (width > columnsMax) break;
    cut += character;
  }
  return `${cut}…`;
}

function charWidth(character: string): number {
  if (zeroWidth.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}
