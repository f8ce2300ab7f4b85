import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PROFILE_CHECKS } from "./profiles.ts";
import { MESSAGES } from "./suite-run.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
/** Without what a comment or a line's end adds. */
const plain = (text: string): string => text.replace(/^\s*\/\/ ?/gm, "").replace(/\s+/g, " ");
const all = [...Object.values(PROFILE_CHECKS).flat(), MESSAGES];

describe("every check", () => {
  test.each(all.map(({ name, source, promise }) => ({ name, source, promise })))(
    "$name holds an agent to words that stand in $source",
    ({ source, promise }) => {
      expect(plain(read(source))).toContain(plain(promise));
    },
  );

  test("has a name of its own, which docs/agent-protocol.md explains", () => {
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const guide = read("docs/agent-protocol.md");
    expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
  });
});
