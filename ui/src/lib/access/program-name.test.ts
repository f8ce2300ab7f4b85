import { expect, test } from "vitest";
import { programName } from "./program-name.ts";

test("a browser is told with its system, and a program by what it calls itself", () => {
  const edge =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edg/120.0";
  expect(programName(edge)).toBe("Edge on Windows");
  expect(programName("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/150.0 Safari/537.36")).toBe(
    "Chrome on Linux",
  );
  expect(programName("lormas-cli/0.1.0")).toBe("lormas-cli/0.1.0");
  expect(programName("")).toBe("not known");
});

test("what a program calls itself can neither hide text nor fill the page", () => {
  expect(programName("a\u202eb")).toBe("a\\u202eb");
  expect(programName("x".repeat(256))).toHaveLength(41);
});
