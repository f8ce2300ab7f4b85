import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ALERT_KINDS } from "../coordinator/src/domain/alert/alert.ts";
import { repositoryRoot } from "./bootstrap.mjs";

test("docs/alerts.md says of every kind of alert what opens it, what ends it and what to do, and of no other", () => {
  const text = readFileSync(join(repositoryRoot, "docs/alerts.md"), "utf8");
  const rows = [...text.matchAll(/^\| ([a-z_]+) \|(.*)\|$/gm)].filter(([, kind]) => kind !== "kind");
  expect(rows.map(([, kind]) => kind).sort()).toEqual([...ALERT_KINDS].sort());
  for (const [row, , rest] of rows) {
    const [about, ...sentences] = rest?.split("|").map((cell) => cell.trim()) ?? [];
    expect(["node", "container", "cluster"], row).toContain(about);
    expect(sentences, row).toHaveLength(3);
    for (const sentence of sentences) expect(sentence.length, row).toBeGreaterThan(10);
  }
});
