import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { lockDataDirectory } from "./data-directory-lock.ts";
import { leaseHolder } from "./lease-holder.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), "lormas-holder-"));
  folders.push(path);
  return path;
};

/** Signs as a coordinator does that starts there, and ends again. */
function signed(name: string | null, dataDir: string): string {
  const giveBack = lockDataDirectory(dataDir);
  try {
    return leaseHolder(name, dataDir);
  } finally {
    giveBack();
  }
}

test.runIf(process.platform === "linux")("a restart on the same data directory signs as its predecessor did", () => {
  const dataDir = folder();
  expect(signed("one", dataDir)).toBe(signed("one", dataDir));
  expect(signed(null, dataDir)).toBe(signed(null, dataDir));
  expect(signed("one", dataDir)).toMatch(/^one@[0-9a-f]{32}$/);
});

test("the same name elsewhere is another coordinator, and so is a copied data directory", () => {
  const [here, there] = [folder(), join(folder(), "copy")];
  const signature = signed("one", here);
  expect(signed("one", folder())).not.toBe(signature);
  cpSync(here, there, { recursive: true });
  expect(signed("one", there)).not.toBe(signature);
  // The identity itself was copied: it is the locked file that tells them apart.
  expect(signed(null, there).split("@")[0]).toBe(signed(null, here).split("@")[0]);
});
