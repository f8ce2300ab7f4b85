import { InvalidArgumentError } from "commander";
import fc from "fast-check";
import { expect, it } from "vitest";
import { DetachWatch, parseDetachKeys } from "./detach-keys.ts";

it("reads keys as people write them, and says what is none", () => {
  expect(parseDetachKeys("ctrl-p,ctrl-q")).toEqual({ typed: "\u0010\u0011", words: "Ctrl-P Ctrl-Q" });
  expect(parseDetachKeys("ctrl-]")).toEqual({ typed: "\u001d", words: "Ctrl-]" });
  expect(parseDetachKeys("CTRL-A,d")).toEqual({ typed: "\u0001d", words: "Ctrl-A d" });
  expect(parseDetachKeys("ctrl-@").typed).toBe("\u0000");
  for (const wrong of ["", "ctrl-", "ctrl-1", "ctrl-pq", "a,,b", "é", "a,".repeat(9), "a,a,a,a,a,a,a,a,a"]) {
    expect(() => parseDetachKeys(wrong), wrong).toThrow(InvalidArgumentError);
  }
});

it("ends at the keys, and passes everything else on, however it is cut", () => {
  const keys = parseDetachKeys("a,a,b");
  const letters = fc.array(fc.constantFrom("a", "b", "x"), { maxLength: 24 });
  fc.assert(
    fc.property(letters, fc.integer({ min: 1, max: 5 }), (typed, size) => {
      const text = typed.join("");
      const watch = new DetachWatch(keys);
      let passed = "";
      let detached = false;
      for (let at = 0; at < text.length && !detached; at += size) {
        const taken = watch.take(text.slice(at, at + size));
        passed += taken.text;
        ({ detached } = taken);
      }
      const end = text.indexOf("aab");
      expect(detached).toBe(end >= 0);
      if (detached) expect(passed).toBe(text.slice(0, end));
      // What may be their beginning waits for the next key.
      else expect(["", "a", "aa"]).toContain(text.slice(passed.length));
      expect(text.startsWith(passed)).toBe(true);
    }),
  );
});
