import { expect, test } from "vitest";
import { Keyring } from "./keyring.ts";
import { maskOutput, type OutputSecrets, SECRETS_CHARS_MAX } from "./mask-output.ts";
import { testKeyring } from "./test-keyring.ts";

const keyring = testKeyring();

function container(secret: Record<string, string>, plain: Record<string, string> = {}): OutputSecrets {
  const secrets = keyring.newSecrets();
  const sealed = Object.entries(secret).map(([name, value]) => [name, secrets.seal(`env/${name}`, value)]);
  const env = { ...Object.fromEntries(sealed), ...plain };
  return { environment: env, spec: { env }, secretKey: secrets.key };
}
const masked = (text: string, of: OutputSecrets): string => maskOutput(keyring, text, of);

test("every secret is masked, wherever and however often it stands, and nothing else", () => {
  const of = container({ KEY: "hunter2", LONGER: "hunter2000" }, { GREETING: "good day", OLD_PASSWORD: "of before" });
  expect(masked("hunter2000 and hunter2, hunter2: good day, of before", of)).toBe("*** and ***, ***: good day, ***");
  expect(masked("exit code 3", of)).toBe("exit code 3");
  expect(masked("", of)).toBe("");
});

test("each line of a secret is masked, and its form in a command line", () => {
  const of = container({ PEM: "-----BEGIN KEY-----\nMIIEpAIBAAKC\r\n  AQEA1234\n-----END KEY-----", WORD: "it's me" });
  expect(masked(String.raw`MIIEpAIBAAKC | AQEA1234 | run --key 'it'\''s me' "it's me"`, of)).toBe(
    `*** | *** | run --key '***' "***"`,
  );
});

test("what is left of a secret where a line was cut is masked", () => {
  const of = container({ KEY: "0123456789abcdef" });
  const said = (output: string) => `it ended; its last output: ${output}; look at its startup command`;
  expect(masked(said("89abcdef b | key 0123456 | key 01234567\uFFFD"), of)).toBe(said("*** b | key *** | key ***"));
  expect(masked(said("key 0123456789ab"), of)).toBe(said("key ***"));
  expect(masked(`${"x".repeat(20)} 01234`, of)).toBe(`${"x".repeat(20)} ***`);
  // Parts in the midst of a line were not cut there.
  expect(masked(said("a 01234 b | a cdef b"), of)).toBe(said("a 01234 b | a cdef b"));
});

test("three characters are too few to be looked for, four are not", () => {
  expect(masked("123 1234", container({ PIN: "123" }))).toBe("123 1234");
  expect(masked("123 1234", container({ PIN: "1234" }))).toBe("123 ***");
});

test("without the key nothing of the text is kept", () => {
  const of = container({ KEY: "hunter2" });
  for (const text of [
    maskOutput(testKeyring(), "hunter2", of),
    maskOutput(new Keyring(keyring.primary), "hunter2", { ...of, secretKey: null }),
  ]) {
    expect(text).toBe("what the agent said of it is not kept: the container's secrets do not open (docs/secrets.md)");
  }
  expect(maskOutput(testKeyring(), "no secrets", container({}))).toBe("no secrets");
});

test("more secrets than are looked for keep nothing of the text, and as many as are cost little", () => {
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, at) => String(at).padStart(7, "0")).join("\n");
  // The value, and seven characters of every line.
  const most = Math.floor((SECRETS_CHARS_MAX + 1) / 15);
  expect(masked("at 0000001.", container({ KEY: lines(most) }))).toBe("at ***.");
  expect(masked("at 0000001.", container({ KEY: lines(most + 1) }))).toContain("more than 131072 characters");
  const alike = Object.fromEntries(
    Array.from({ length: 120 }, (_, at) => [`K${at}`, `${"a".repeat(1_000)}${String(at).padStart(4, "b")}`]),
  );
  const begunMs = performance.now();
  expect(masked("a".repeat(2_048), container(alike))).toBe(`${"a".repeat(1_048)}***`);
  expect(performance.now() - begunMs).toBeLessThan(1_000);
});
