import { expect, test } from "vitest";
import { isEmailAddress } from "./email-address.ts";

test.each(["ann@example.org", "Ann.O'Neil+x@sub.example.org", "a@b", `${"x".repeat(242)}@example.org`])(
  "%s is an address that an account can have",
  (text) => expect(isEmailAddress(text)).toBe(true),
);

test.each([
  "",
  "ann",
  "@example.org",
  "ann@",
  "code 0123",
  "ann@example.org\n",
  " ann@example.org",
  "ann@-example.org",
  "übung@example.org",
  "ann@exämple.org",
  "\u212Aim@example.org",
  `${"x".repeat(243)}@example.org`,
])("%j is none", (text) => expect(isEmailAddress(text)).toBe(false));
