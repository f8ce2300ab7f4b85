import { describe, expect, test } from "vitest";
import { withQuery } from "../format/query.ts";
import { FOUND_MAX, findTargets, type Target } from "./palette.ts";
import { isIn } from "./rooms.ts";

const target = (label: string, kind = "container", words = ""): Target => ({ href: `/${label}`, label, kind, words });
const labels = (targets: readonly Target[]) => targets.map(({ label }) => label);

describe("the command palette", () => {
  test("finds the name itself first, then what begins so, then where a word does, then the rest", () => {
    const all = ["old-web", "cobweb", "web-2", "web"].map((label) => target(label));
    expect(labels(findTargets(all, "Web"))).toEqual(["web", "web-2", "old-web", "cobweb"]);
  });

  test("wants every word somewhere: in the name, in what it is, or in what is not shown", () => {
    const all = [target("web", "container", "node-1 running"), target("web-node", "node"), target("db", "container")];
    expect(labels(findTargets(all, "web container"))).toEqual(["web"]);
    expect(labels(findTargets(all, "running"))).toEqual(["web"]);
    expect(findTargets(all, "web db")).toEqual([]);
  });

  test("shows what is there when nothing is asked, and never more than its bound", () => {
    const all = Array.from({ length: FOUND_MAX + 1 }, (_, index) => target(`c-${index}`));
    expect(findTargets(all, " ")).toHaveLength(FOUND_MAX);
    expect(findTargets(all, "c-")[0]?.label).toBe("c-0");
  });
});

test("a page belongs to its room, and /nodes-of-mine does not to /nodes", () => {
  expect(isIn("/nodes", "/nodes/what-if")).toBe(true);
  expect(isIn("/nodes", "/nodes-of-mine")).toBe(false);
  expect(isIn("/", "/nodes")).toBe(false);
});

test("a filter in the address replaces its own fields, leaves the others, and goes when it is empty", () => {
  const url = new URL("https://lormas.test/audit?actor=ann&page=2");
  expect(withQuery(url, { actor: "bob & co", method: "" })).toBe("/audit?actor=bob+%26+co&page=2");
  expect(withQuery(url, { actor: "", page: "" })).toBe("/audit");
});
