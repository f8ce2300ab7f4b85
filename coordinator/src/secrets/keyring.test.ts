import { expect, test } from "vitest";
import { Keyring, UnopenedSecretError } from "./keyring.ts";
import { type MasterKey, parseMasterKey } from "./master-key.ts";

const key = (digit: string): MasterKey => parseMasterKey(digit.repeat(64)) ?? expect.fail("is a key");
const spec = {
  ...{ image: "", ports: [], volumes: [], stop: { signal: "SIGTERM", graceMs: 1 }, health: null, startBudgetMs: 1 },
  startup: { exec: "true" },
};

test("a secret opens under its own name with its container's key alone, and says nothing of itself", () => {
  const ring = new Keyring(key("a"));
  const secrets = ring.newSecrets();
  const sealed = secrets.seal("env/PASSWORD", "hunter2");
  expect(JSON.stringify([sealed, secrets.key])).not.toContain("hunter2");
  expect(secrets.seal("env/PASSWORD", "hunter2")).not.toEqual(sealed);
  expect(ring.secrets(secrets.key).open("env/PASSWORD", sealed)).toBe("hunter2");
  expect(() => secrets.open("env/OTHER", sealed)).toThrow(UnopenedSecretError);
  expect(() => ring.newSecrets().open("env/PASSWORD", sealed)).toThrow(UnopenedSecretError);
  const flipped = sealed.sealed.replace(/.$/, (last) => (last === "A" ? "Q" : "A"));
  expect(() => secrets.open("env/PASSWORD", { sealed: flipped })).toThrow(UnopenedSecretError);
  expect(() => secrets.open("env/PASSWORD", { sealed: "" })).toThrow(UnopenedSecretError);
});

test("another master key opens nothing and is told which one it would be; both rings open what was sealed anew", () => {
  const old = new Keyring(key("a"));
  const secrets = old.newSecrets();
  const sealed = secrets.seal("env/A", "one");
  expect(() => new Keyring(key("b")).secrets(secrets.key)).toThrow(key("a").id);
  const both = new Keyring(key("b"), [key("a")]);
  const again = both.rewrapped(secrets.key);
  expect(again).toMatchObject({ id: secrets.key.id, masterKeyId: key("b").id });
  expect(new Keyring(key("b")).secrets(again).open("env/A", sealed)).toBe("one");
  // A key that says it is of another master key than it is.
  const lie = { ...again, masterKeyId: key("a").id };
  expect(() => both.secrets(lie)).toThrow(UnopenedSecretError);
});

test("a workload opens whole; one whose key is gone does not open at all", () => {
  const ring = new Keyring(key("a"));
  const secrets = ring.newSecrets();
  const kept = { ...spec, env: { A: secrets.seal("env/A", "one"), B: "two" } };
  expect(ring.openWorkload(kept, secrets.key).env).toEqual({ A: "one", B: "two" });
  expect(() => ring.openWorkload(kept, null)).toThrow("env/A is sealed, and the container's key is not there");
  expect(ring.openWorkload({ ...spec, env: { B: "two" } }, null).env).toEqual({ B: "two" });
});

test.each([
  ["", false],
  ["a".repeat(63), false],
  ["g".repeat(64), false],
  [`${"A".repeat(42)}==`, false],
  [`${"A".repeat(43)}=`, true],
  [` ${"0f".repeat(32)}\n`, true],
])("of %j it can be told whether it is a master key", (text, is) => {
  expect(parseMasterKey(text) !== null).toBe(is);
});

test("a master key is known by an id that is the same in every way of writing it", () => {
  const hex = parseMasterKey("0f".repeat(32));
  const base64 = parseMasterKey(Buffer.from("0f".repeat(32), "hex").toString("base64"));
  expect(hex?.id).toMatch(/^[0-9a-f]{16}$/);
  expect([base64?.id, parseMasterKey(hex?.text ?? "")?.id]).toEqual([hex?.id, hex?.id]);
});
