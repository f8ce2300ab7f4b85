import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { formatJoinToken, hashJoinSecret, makeJoinToken, parseJoinToken } from "./join-token.ts";

const random = { bytes: (count: number) => new Uint8Array(count).fill(255), uuid: () => "" };
const digest = "0123456789abcdef".repeat(4);

test("a join token carries 32 random bytes and the authority's digest, and is read back as it was written", () => {
  const token = makeJoinToken(random, digest);
  const text = formatJoinToken(token);
  expect(text).toBe(`lormas1.${Buffer.alloc(32, 255).toString("base64url")}.${digest}`);
  expect(parseJoinToken(` ${text}\n`)).toEqual(token);
});

test("what is no join token is not read as one", () => {
  const { secret } = makeJoinToken(random, digest);
  for (const text of ["", "lormas1", `lormas2.${secret}.${digest}`, `lormas1.${secret}.${digest}.x`]) {
    expect(parseJoinToken(text)).toBeNull();
  }
  expect(parseJoinToken(`lormas1.${secret.slice(1)}.${digest}`)).toBeNull();
  expect(parseJoinToken(`lormas1.${secret}.${digest.toUpperCase()}`)).toBeNull();
});

test("only the SHA-256 of the secret's text is stored", () => {
  expect(hashJoinSecret("abc")).toBe(createHash("sha256").update("abc").digest("hex"));
});
