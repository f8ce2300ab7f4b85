import { expect, test } from "vitest";
import { contrast, nextOf, theme } from "./appearance.ts";

test("a toggle goes round all that may be chosen and comes back to the system's choice", () => {
  expect([nextOf(theme, "system"), nextOf(theme, "light"), nextOf(theme, "dark")]).toEqual(["light", "dark", "system"]);
  expect([nextOf(contrast, "system"), nextOf(contrast, "more"), nextOf(contrast, "normal")]).toEqual([
    "more",
    "normal",
    "system",
  ]);
});
