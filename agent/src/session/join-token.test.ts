import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJoinToken } from "./join-token.ts";

const DIGEST = "ab".repeat(32);

test("a token of this fleet's form is taken apart, surrounding blanks aside", () => {
  expect(parseJoinToken(`  lormas1.secret-of-sixteen.${DIGEST}\n`)).toEqual({
    secret: "secret-of-sixteen",
    caDigestHex: DIGEST,
  });
});

test("anything else is refused", () => {
  for (const text of ["", "lormas1..", `lormas2.secret-of-sixteen.${DIGEST}`, `lormas1.short.${DIGEST}`]) {
    expect(parseJoinToken(text)).toBeNull();
  }
  fc.assert(fc.property(fc.string(), (text) => parseJoinToken(text) === null));
});
