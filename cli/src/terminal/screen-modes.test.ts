import { expect, it } from "vitest";
import { ScreenModes } from "./screen-modes.ts";

function after(...chunks: string[]): string {
  const modes = new ScreenModes();
  for (const chunk of chunks) modes.note(Buffer.from(chunk));
  return modes.restoring();
}

it("takes back what a program left behind, in whatever pieces it came, and nothing else", () => {
  expect(after("plain \u001b[1mtext\u001b[2J")).toBe("\u001b[0m");
  expect(after("\u001b[?1049h\u001b[?25l\u001b=")).toBe("\u001b[?1049l\u001b[?25h\u001b>\u001b[0m");
  expect(after("\u001b[?1000;1006h", "\u001b[?1006l")).toBe("\u001b[?1000l\u001b[0m");
  expect(after("\u001b[?10", "49", "h\u001b", "[?25l")).toBe("\u001b[?1049l\u001b[?25h\u001b[0m");
  expect(after("\u001b[?1049h\u001b[?25l\u001b=", "\u001b[?1049l\u001b[?25h\u001b>")).toBe("\u001b[0m");
  // A mode that is none of those is left as it is, and so is the text of a sequence without an end.
  expect(after("\u001b[?9999h\u001b[?", "1".repeat(10_000), "h")).toBe("\u001b[0m");
});
