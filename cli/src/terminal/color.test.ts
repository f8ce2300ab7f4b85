import { expect, it } from "vitest";
import { hasColors, tinted, toneOf } from "./color.ts";

it("colours a terminal alone, never against NO_COLOR, and does what --color says", () => {
  expect(hasColors("auto", {}, true)).toBe(true);
  expect(hasColors("auto", {}, false)).toBe(false);
  expect(hasColors("auto", { NO_COLOR: "1" }, true)).toBe(false);
  expect(hasColors("auto", { NO_COLOR: "" }, true)).toBe(true);
  expect(hasColors("auto", { TERM: "dumb" }, true)).toBe(false);
  expect(hasColors("always", { NO_COLOR: "1" }, false)).toBe(true);
  expect(hasColors("never", {}, true)).toBe(false);
});

it("knows good words from bad ones, and leaves others alone", () => {
  expect(tinted("running", toneOf("running"))).toBe("\u001b[32mrunning\u001b[0m");
  expect(tinted("failed", toneOf("failed"))).toBe("\u001b[31mfailed\u001b[0m");
  expect(tinted("web", toneOf("web"))).toBe("web");
  expect(toneOf("constructor")).toBeUndefined();
});
