import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { instanceIdentity } from "./instance-identity.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "lormas-identity-"));
  folders.push(path);
  return path;
};

test("a data directory has one identity for ever, two have two", () => {
  const [a, b] = [join(folder(), "new"), folder()];
  const identity = instanceIdentity(a);
  expect(instanceIdentity(a)).toBe(identity);
  expect(instanceIdentity(b)).not.toBe(identity);
  expect(readdirSync(a)).toEqual(["instance-id"]);
  expect(statSync(a).mode & 0o777).toBe(0o700);
});

test("a damaged identity is named and not replaced", () => {
  const path = folder();
  writeFileSync(join(path, "instance-id"), "\n");
  expect(() => instanceIdentity(path)).toThrow(/instance-id holds no identity; delete it/);
});
