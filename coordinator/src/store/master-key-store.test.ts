import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Keyring } from "../secrets/keyring.ts";
import { parseMasterKey } from "../secrets/master-key.ts";
import { type OpenedKeyring, openKeyring } from "../secrets/open-keyring.ts";
import { addContainerKeys, containerKey, MasterKeyStore } from "./master-key-store.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

let database: TestDatabase;
const folders: string[] = [];
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(async () => {
  await database.drop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), "lormas-keys-"));
  folders.push(made);
  return made;
};
/** One start of a coordinator with this data directory. */
const start = (dataDir: string, secretKey: string | null = null, others: string[] = []): Promise<OpenedKeyring> =>
  openKeyring({ dataDir, secretKey, otherSecretKeys: others }, new MasterKeyStore(database.database), 1_000);
const em = () => database.database.orm.em.fork();
const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const [A, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];
const idOf = (text: string): string => parseMasterKey(text)?.id ?? expect.fail("is a key");

test("the first start makes a key that only its owner reads, and the next one takes it", async () => {
  const dataDir = folder();
  const first = await start(dataDir);
  const file = join(dataDir, "secret-key");
  expect(first.madeFile).toBe(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const second = await start(dataDir);
  expect([second.madeFile, second.keyring.primary.id]).toEqual([null, first.keyring.primary.id]);
  expect(parseMasterKey(readFileSync(file, "utf8"))?.id).toBe(first.keyring.primary.id);
});

test("a second coordinator without the key, or with one of its own, does not start and says what it needs", async () => {
  const { keyring } = await start(folder());
  const empty = folder();
  await expect(start(empty)).rejects.toThrow(
    `sealed by the master key ${keyring.primary.id}, and this coordinator has no master key: ${join(empty, "secret-key")} does not exist`,
  );
  // Nothing was made: put the key there, and it starts.
  expect(() => statSync(join(empty, "secret-key"))).toThrow("ENOENT");
  await expect(start(empty, B)).rejects.toThrow(
    `sealed by the master key ${keyring.primary.id}; the setting secretKey holds ${idOf(B)}`,
  );
  expect((await start(empty, keyring.primary.text)).keyring.primary.id).toBe(keyring.primary.id);
});

test("of two that start together for the first time one has its way, and the other says which key it needs", async () => {
  const outcomes = await Promise.allSettled([start(folder()), start(folder())]);
  const started = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value.keyring.primary.id] : []));
  const refused = outcomes.flatMap((one) => (one.status === "rejected" ? [String(one.reason)] : []));
  expect([started.length, refused.length]).toEqual([1, 1]);
  expect(refused[0]).toContain(started[0]);
});

test("with the old key beside the new one, a start seals every container's key by the new one, and then the old one may go", async () => {
  const dataDir = folder();
  const { keyring } = await start(dataDir, A);
  const keys = Array.from({ length: 1_201 }, (_, index) => ({
    containerId: uuid(index),
    secrets: keyring.newSecrets(),
  }));
  await addContainerKeys(
    em(),
    keys.map(({ containerId, secrets }) => ({ containerId, key: secrets.key })),
  );
  const last = keys.at(-1) ?? expect.fail();
  const sealed = last.secrets.seal("env/A", "one");
  await expect(start(dataDir, B)).rejects.toThrow(idOf(A));
  expect((await start(dataDir, B, [A])).rewrapped).toBe(1_201);
  const alone = await start(dataDir, B);
  expect(alone.rewrapped).toBe(0);
  const kept = (await containerKey(em(), last.containerId)) ?? expect.fail();
  expect(alone.keyring.secrets(kept).open("env/A", sealed)).toBe("one");
  await expect(start(dataDir, A)).rejects.toThrow(idOf(B));
  await expect(start(dataDir, C, [A])).rejects.toThrow(idOf(B));
});

test("a container's key is written once: a later one does not take its place", async () => {
  const ring = new Keyring(parseMasterKey(A) ?? expect.fail());
  const [first, second] = [ring.newSecrets().key, ring.newSecrets().key];
  await addContainerKeys(em(), [{ containerId: uuid(1), key: first }]);
  await addContainerKeys(em(), [{ containerId: uuid(1), key: second }]);
  expect(await containerKey(em(), uuid(1))).toEqual(first);
});

test("a file that holds no key is not replaced", async () => {
  const dataDir = folder();
  await start(dataDir);
  writeFileSync(join(dataDir, "secret-key"), "damaged\n");
  await expect(start(dataDir)).rejects.toThrow("holds no master key");
  expect(readFileSync(join(dataDir, "secret-key"), "utf8")).toBe("damaged\n");
});
