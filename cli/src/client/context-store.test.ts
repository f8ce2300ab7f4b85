import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { CONTEXT_FILE_BYTES_MAX, CONTEXTS_MAX, ContextStore, checkContextName } from "./context-store.ts";

let directory: string;
let store: ContextStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lormas-contexts-"));
  store = new ContextStore({ XDG_CONFIG_HOME: directory });
});

afterEach(() => rmSync(directory, { recursive: true }));

function failureOf(action: () => unknown): CliFailure {
  try {
    action();
  } catch (error) {
    if (error instanceof CliFailure) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

function write(text: string): void {
  mkdirSync(dirname(store.path), { recursive: true });
  writeFileSync(store.path, text, { mode: 0o600 });
}

const context = { url: "https://a.example", credential: { kind: "token", secret: "s", madeAs: "cli-1" } } as const;

describe("the file of contexts", () => {
  it("lies under XDG_CONFIG_HOME, else in ~/.config; a relative path counts as none", () => {
    expect(store.path).toBe(join(directory, "lormas", "contexts.json"));
    const ownHome = "/home/ann/.config/lormas/contexts.json";
    expect(new ContextStore({ HOME: "/home/ann" }).path).toBe(ownHome);
    expect(new ContextStore({ HOME: "/home/ann", XDG_CONFIG_HOME: "x" }).path).toBe(ownHome);
  });

  it("is without contexts before it is there, and gives back what was put", () => {
    expect(store.read()).toEqual({ current: "local", contexts: {} });
    store.put("a", context, true);
    expect(store.read()).toEqual({ current: "a", contexts: { a: context } });
    store.put("b", { url: "http://b" }, false);
    expect(store.read().current).toBe("a");
  });

  it("is for its owner alone, and leaves nothing beside it", () => {
    store.put("a", context, true);
    expect(statSync(store.path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(store.path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(store.path))).toEqual(["contexts.json"]);
  });

  it("is refused when others may read it, with the command that mends it", () => {
    store.put("a", context, true);
    chmodSync(store.path, 0o640);
    const failure = failureOf(() => store.read());
    expect(failure.message).toContain("mode 640");
    expect(failure.nextStep).toContain(`chmod 600 ${store.path}`);
  });

  it.each([
    ["half a file", '{"version": 1, "con'],
    ["no contexts", '{"version": 1, "current": "a"}'],
    ["another version", '{"version": 2, "current": "local", "contexts": {}}'],
    ["a context without an address", '{"version": 1, "current": "local", "contexts": {"a": {}}}'],
    [
      "a secret that no header can hold",
      '{"version":1,"current":"a","contexts":{"a":{"url":"http://a","credential":{"kind":"token","secret":"a\\nb"}}}}',
    ],
    ["a list", "[]"],
  ])("that is damaged (%s) says so, what to do, and is not written over", (_what, text) => {
    write(text);
    const failure = failureOf(() => store.read());
    expect(failure.message).toContain("is damaged");
    expect(failure.nextStep).toContain("mv ");
    failureOf(() => store.put("a", context, true));
    expect(readFileSync(store.path, "utf8")).toBe(text);
  });

  it("is read up to 4 MiB, and holds a hundred contexts", () => {
    const empty = '{"version":1,"current":"local","contexts":{}}';
    write(empty.padEnd(CONTEXT_FILE_BYTES_MAX));
    expect(store.read().current).toBe("local");
    write(empty.padEnd(CONTEXT_FILE_BYTES_MAX + 1));
    expect(failureOf(() => store.read()).message).toContain("larger than");
    const full = Object.fromEntries(Array.from({ length: CONTEXTS_MAX }, (_, index) => [`c${index}`, context]));
    write(JSON.stringify({ version: 1, current: "local", contexts: full }));
    expect(Object.keys(store.read().contexts)).toHaveLength(CONTEXTS_MAX);
    expect(failureOf(() => store.put("one-more", context, true)).code).toBe(exitCode.conflict);
  });
});

describe("a context's name", () => {
  it("is 1 to 63 letters, digits, dots, hyphens and underscores, and never local", () => {
    for (const name of ["a", "Prod.eu-1_x", "a".repeat(63)]) checkContextName(name);
    for (const name of ["", "-a", "a b", "a/b", "a".repeat(64), "__proto__", "local"]) {
      expect(failureOf(() => checkContextName(name)).code, name).toBe(exitCode.usage);
    }
  });

  it("that is not there is answered with those that are", () => {
    store.put("prod", context, true);
    const failure = failureOf(() => store.get("constructor"));
    expect(failure.code).toBe(exitCode.notFound);
    expect(failure.message).toContain("local, prod");
  });
});
